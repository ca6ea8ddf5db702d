import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { clusterProcesses, pidFile } from '../../src/database/embedded/processes.ts';
import {
  clusterOf,
  copyDataDir,
  isLinux,
  killServer,
  makeDataDir,
  query,
  serverPid,
  spawnElsewhere,
  startElsewhere,
  startHere,
} from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { launch } from '../support/launch.ts';

test('the server of a killed process is joined by the next one, which stops it', async () => {
  await using dir = await copyDataDir();
  const first = await startElsewhere(dir.path);
  const pid = await serverPid(dir.path);
  await first.kill();

  const second = await startHere(dir.path);

  expect(second.startedHere).toBe(false);
  expect(await serverPid(dir.path)).toBe(pid);

  await second.stop();

  expect(await clusterProcesses(clusterOf(dir.path))).toEqual([]);
});

test('a server that was killed together with everything else comes back with its data', async () => {
  await using dir = await copyDataDir();
  const first = await startElsewhere(dir.path);
  await query(first.report.url ?? '', 'CREATE TABLE kept AS SELECT 7 AS n');
  first.child.kill('SIGKILL');
  for (const pid of await clusterProcesses(clusterOf(dir.path))) process.kill(pid, 'SIGKILL');

  const second = await startHere(dir.path);
  const rows = await query(second.url, 'SELECT n FROM kept');
  await second.stop();

  expect(second.startedHere).toBe(true);
  expect(rows).toEqual([{ n: 7 }]);
});

test('a server that crashed under one process is started again by another', async () => {
  await using dir = await copyDataDir();
  const first = await startElsewhere(dir.path);
  await killServer(dir.path);

  const second = await startElsewhere(dir.path);

  expect(second.report).toEqual({ url: first.report.url, startedHere: true });

  await first.leave();

  expect(await query(second.report.url ?? '', 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  await second.leave();
});

test('a process left over from a killed server is waited for', async () => {
  await using dir = await copyDataDir();
  const first = await startElsewhere(dir.path);
  const server = await serverPid(dir.path);
  const child = (await clusterProcesses(clusterOf(dir.path))).find((pid) => pid !== server) ?? 0;
  await first.kill();
  process.kill(child, 'SIGSTOP');
  process.kill(server, 'SIGKILL');
  setTimeout(() => process.kill(child, 'SIGCONT'), 500);

  const second = await startHere(dir.path);

  expect(second.startedHere).toBe(true);
  expect(await query(second.url, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  await second.stop();
});

describe('a postmaster.pid that a killed server left', () => {
  test('does not matter when its process is gone', async () => {
    await using dir = await copyDataDir();
    await leavePidFile(dir.path, 4_194_000);

    const server = await startHere(dir.path);

    expect(server.startedHere).toBe(true);
    await server.stop();
  });

  test('does not matter when another process has its pid now', async () => {
    await using dir = await copyDataDir();
    await leavePidFile(dir.path, process.pid);

    const server = await startHere(dir.path);

    expect(server.startedHere).toBe(true);
    await server.stop();
  });

  test.skipIf(!isLinux)('does not matter when its process is a zombie', async () => {
    await using dir = await copyDataDir();
    // The shell becomes a program that does not wait for its children, so a dead child stays a zombie.
    const parent = launch('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (parent.stdout === null) throw new Error('its output is a pipe');
    const [output] = await once(parent.stdout, 'data');
    const zombie = Number(String(output));
    await eventually(async () => / Z /.test(await readFile(`/proc/${zombie}/stat`, 'utf8')));
    await leavePidFile(dir.path, zombie);

    const server = await startHere(dir.path);

    expect(server.startedHere).toBe(true);
    await server.stop();
    parent.kill();
  });

  test('does not matter when it is empty', async () => {
    await using dir = await copyDataDir();
    await leavePidFile(dir.path, 4_194_000);
    await writeFile(pidFile(clusterOf(dir.path)), '');

    const server = await startHere(dir.path);

    expect(server.startedHere).toBe(true);
    await server.stop();
  });
});

test('a copy of a data folder in use is not taken for the original', async () => {
  await using dir = await copyDataDir();
  await using copy = await makeDataDir();
  const original = await startHere(dir.path);
  await query(original.url, 'CHECKPOINT');
  // The filter leaves out the socket, which cannot be copied.
  await cp(dir.path, copy.path, { recursive: true, filter: (file) => !file.includes('.s.PGSQL') });

  const server = await startHere(copy.path);

  expect(server.startedHere).toBe(true);
  expect(server.url).not.toBe(original.url);
  await server.stop();
  expect(await query(original.url, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  await original.stop();
});

test('what a killed initdb has left is deleted', async () => {
  await using dir = await makeDataDir();
  const halfMade = path.join(dir.path, 'postgres', 'new-99');
  await mkdir(halfMade, { recursive: true });
  await writeFile(path.join(halfMade, 'PG_VERSION'), '18\n');

  const server = await startHere(dir.path);
  await server.stop();

  expect(await readdir(path.join(dir.path, 'postgres'))).not.toContain('new-99');
});

test('a process that is killed at any moment of its first start leaves nothing that stops the next start', async () => {
  await using dir = await makeDataDir();
  for (const delayMs of [100, 200, 300, 450, 600, 800]) {
    const child = spawnElsewhere(dir.path);
    await sleep(delayMs);
    child.kill('SIGKILL');
    await killServer(dir.path);
  }

  const server = await startHere(dir.path);

  expect(await query(server.url, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  await server.stop();
});

// The tests run side by side, because they wait for many seconds.
describe.concurrent('a server that hangs', () => {
  test('is named when it does not answer', async () => {
    await using dir = await copyDataDir();
    const first = await startElsewhere(dir.path);
    const pid = await serverPid(dir.path);
    process.kill(pid, 'SIGSTOP');

    const second = await startElsewhere(dir.path);

    expect(second.report.error).toMatch(`(process ${pid}) holds ${clusterOf(dir.path)} but does not answer`);
    process.kill(pid, 'SIGCONT');
    await first.leave();
  });

  test('is stopped by the next signal when it ignores the first', async () => {
    await using dir = await copyDataDir();
    const server = await startHere(dir.path);
    process.kill(await serverPid(dir.path), 'SIGSTOP');

    await server.stop();

    await eventually(async () => (await clusterProcesses(clusterOf(dir.path))).length === 0);
  });
});

/**
 * Leaves a data folder as after `kill -9` of everything, and lets `postmaster.pid` name the process `pid`.
 */
async function leavePidFile(dataDir: string, pid: number): Promise<void> {
  const server = await startHere(dataDir);
  const file = pidFile(clusterOf(dataDir));
  const text = await readFile(file, 'utf8');
  await killServer(dataDir);
  await server.stop();
  await writeFile(file, text.replace(/^\d+/, String(pid)));
}
