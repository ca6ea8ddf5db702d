import { expect, test } from 'vitest';
import { startEmbeddedPostgres } from '../../src/database/embedded/postgres.ts';
import { clusterProcesses } from '../../src/database/embedded/processes.ts';
import {
  clusterOf,
  copyDataDir,
  makeDataDir,
  query,
  serverPid,
  startElsewhere,
  startHere,
} from '../support/embedded.ts';

test('a fresh data folder gets a server with the database "app"; a stop ends the server, and the data outlive a restart', async () => {
  await using dir = await makeDataDir();

  const first = await startHere(dir.path);
  const rows = await query(first.url, 'SELECT current_database() AS name');
  await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
  await first.stop();

  expect(rows).toEqual([{ name: 'app' }]);
  expect(first.startedHere).toBe(true);
  expect(await clusterProcesses(clusterOf(dir.path))).toEqual([]);

  const second = await startHere(dir.path);
  const kept = await query(second.url, 'SELECT n FROM kept');
  await second.stop();

  expect(kept).toEqual([{ n: 7 }]);
});

test('a write that is acknowledged is on disk, and no port is open', async () => {
  await using dir = await copyDataDir();

  const server = await startEmbeddedPostgres({ dataDir: dir.path, log: () => undefined });
  const rows = await query(
    server.url,
    `SELECT name, setting FROM pg_settings
      WHERE name IN ('fsync', 'full_page_writes', 'listen_addresses', 'synchronous_commit', 'max_connections')
      ORDER BY name`,
  );
  await server.stop();

  expect(rows).toEqual([
    { name: 'fsync', setting: 'on' },
    { name: 'full_page_writes', setting: 'on' },
    { name: 'listen_addresses', setting: '' },
    { name: 'max_connections', setting: '100' },
    { name: 'synchronous_commit', setting: 'on' },
  ]);
});

test('a second process joins the server, and the last one to leave stops it', async () => {
  await using dir = await copyDataDir();
  const first = await startHere(dir.path);
  const second = await startElsewhere(dir.path);

  expect(second.report).toEqual({ url: first.url, startedHere: false });

  await first.stop();

  expect(await query(first.url, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);

  await second.leave();

  expect(await clusterProcesses(clusterOf(dir.path))).toEqual([]);
});

test('of six processes at once, one starts the server and the others join', async () => {
  await using dir = await makeDataDir();

  const users = await Promise.all(Array.from({ length: 6 }, () => startElsewhere(dir.path)));
  const starters = users.filter((user) => user.report.startedHere);
  await Promise.all(users.map((user) => user.leave()));

  expect(users.map((user) => user.report.error)).toEqual(Array(6).fill(undefined));
  expect(starters).toHaveLength(1);
  expect(await clusterProcesses(clusterOf(dir.path))).toEqual([]);
});

test('a process that comes while others leave always finds a server', async () => {
  await using dir = await copyDataDir();
  const visit = async () => {
    const user = await startElsewhere(dir.path);
    const answer = await query(user.report.url ?? '', 'SELECT 1 AS up');
    await user.leave();
    return answer;
  };
  const visits = async () => [await visit(), await visit(), await visit()];

  const answers = await Promise.all([visits(), visits(), visits()]);

  expect(answers.flat(2)).toEqual(Array(9).fill({ up: 1 }));
  expect(await clusterProcesses(clusterOf(dir.path))).toEqual([]);
});

test('a Ctrl-C in the terminal does not reach the server', async () => {
  await using dir = await copyDataDir();
  const user = await startElsewhere(dir.path, { detached: true });
  const server = await serverPid(dir.path);

  process.kill(-Number(user.child.pid), 'SIGINT');

  expect(await query(user.report.url ?? '', 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  expect(await serverPid(dir.path)).toBe(server);
  await user.leave();
});

test('stopping twice stops once', async () => {
  await using dir = await copyDataDir();
  const server = await startHere(dir.path);

  await Promise.all([server.stop(), server.stop()]);

  expect(await clusterProcesses(clusterOf(dir.path))).toEqual([]);
});
