/** A new data folder counts only when it is whole on the disk, at whatever moment its first start is cut off. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { nativeFolder } from '../../src/database/embedded/binaries.ts';
import { socketFolder } from '../../src/database/embedded/layout.ts';
import {
  killServer,
  makeDataDir,
  query,
  spawnElsewhere,
  startElsewhere,
  startHere,
} from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { HeadwayProcess, pollUntil, postTask, runHeadway, startHeadway } from '../support/process.ts';
import { isFinished } from '../support/task-states.ts';

const rootOf = (dataDir: string) => path.join(dataDir, 'postgres');
const markOf = (dataDir: string) => path.join(rootOf(dataDir), 'data.unsynced');
const urlOf = (dataDir: string) =>
  `postgresql://postgres@localhost/app?host=${encodeURIComponent(socketFolder({ root: rootOf(dataDir) }))}`;

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

/** PostgreSQL's programs, of which the one that writes a new data folder to the disk waits for `open`. */
async function slowDisk(dataDir: string): Promise<{ native: string; open(): Promise<void> }> {
  const native = path.join(dataDir, 'package', 'native');
  const gate = path.join(native, 'gate');
  const real = path.join(nativeFolder(), 'bin');
  await mkdir(path.join(native, 'bin'), { recursive: true });
  await writeFile(path.join(native, 'pg-symlinks.json'), '[]');
  await writeFile(gate, '');
  await symlink(path.join(real, 'postgres'), path.join(native, 'bin/postgres'));
  const script = `#!/bin/sh
case "$*" in *--sync-only*) while [ -e '${gate}' ]; do sleep 0.05; done;; esac
exec '${path.join(real, 'initdb')}' "$@"
`;
  await writeFile(path.join(native, 'bin/initdb'), script, { mode: 0o755 });
  return { native, open: () => rm(gate) };
}

/** A first start whose server answers, and whose data folder is not on the disk yet. */
async function startOnSlowDisk(dataDir: string): Promise<{ child: ChildProcess; open(): Promise<void> }> {
  const { native, open } = await slowDisk(dataDir);
  const child = spawnElsewhere(dataDir, { native, isDurable: true });
  await eventually(() =>
    query(urlOf(dataDir), 'SELECT').then(
      () => true,
      () => false,
    ),
  );
  return { child, open };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('a new server is told of when its data folder is on the disk, and not before', async () => {
  await using dir = await makeDataDir();
  const { child, open } = await startOnSlowDisk(dir.path);
  let told = '';
  child.stdout?.on('data', (bytes) => {
    told += bytes;
  });

  expect(await exists(markOf(dir.path))).toBe(true);
  expect(told).toBe('');

  await open();

  await eventually(() => told.includes('"startedHere":true'));
  expect(await exists(markOf(dir.path))).toBe(false);
  child.stdin?.write('stop\n');
  await once(child, 'exit');
});

test('a first start that ends with its server, before the data folder is on the disk, is begun anew', async () => {
  await using dir = await makeDataDir();
  const { child, open } = await startOnSlowDisk(dir.path);
  await query(urlOf(dir.path), 'CREATE TABLE unpromised ()');
  await kill(child);
  await killServer(dir.path);

  const server = await startElsewhere(dir.path, { isDurable: true });

  expect(server.report.startedHere).toBe(true);
  expect(await query(server.report.url ?? '', `SELECT to_regclass('unpromised') AS found`)).toEqual([
    { found: null },
  ]);
  expect(await exists(markOf(dir.path))).toBe(false);
  await open();
  await server.leave();
});

test('a first start that ends without its server is finished by the next process', async () => {
  await using dir = await makeDataDir();
  const { child, open } = await startOnSlowDisk(dir.path);
  await query(urlOf(dir.path), 'CREATE TABLE made AS SELECT 7 AS n');
  await kill(child);
  await open();

  const server = await startElsewhere(dir.path, { isDurable: true });

  expect(server.report.startedHere).toBe(false);
  expect(await exists(markOf(dir.path))).toBe(false);
  expect(await query(server.report.url ?? '', 'SELECT n FROM made')).toEqual([{ n: 7 }]);
  await server.leave();
});

test('data that were once promised are never taken for a first start', async () => {
  await using dir = await makeDataDir();
  const first = await startElsewhere(dir.path, { isDurable: true });
  await query(first.report.url ?? '', 'CREATE TABLE kept AS SELECT 7 AS n');
  await first.kill();
  await killServer(dir.path);

  const second = await startHere(dir.path);

  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
  await second.stop();
});

test('a service that is killed at many moments of its first start, with and without its server, starts at last', async () => {
  await using dir = await makeDataDir();
  const env = { HEADWAY_DATA_DIR: dir.path, DATABASE_URL: '', PORT: '0' };
  for (const [index, delayMs] of [300, 600, 900, 1_200, 1_400, 1_600, 1_800, 2_000, 2_300].entries()) {
    const killed = new HeadwayProcess([], env);
    await sleep(delayMs);
    killed.signal('SIGKILL');
    await killed.exited;
    if (index % 3 !== 2) await killServer(dir.path);
  }

  const headway = await startHeadway(env);
  const { id } = await postTask(headway.url, 'noop', null);
  const { status } = await pollUntil(headway.url, id, isFinished);
  const { stdout } = await runHeadway(['doctor'], env);
  headway.signal('SIGTERM');
  await headway.exited;

  expect(status).toBe('succeeded');
  expect(stdout).toContain('Nothing is wrong.');
});
