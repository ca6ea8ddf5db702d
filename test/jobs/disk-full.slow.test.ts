/** A service whose PostgreSQL has a full disk for a while. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { copyDataDir, query, startHere } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { pollUntil, startHeadway } from '../support/process.ts';
import { expectReadableLog } from '../support/readable-log.ts';
import { administer, withName } from '../support/server.ts';
import { canMount, mountSmallDisk } from '../support/small-disk.ts';
import { isFinished, type TaskBody } from '../support/task-states.ts';

const leaseSeconds = 3;
const rows = 200_000;

it.skipIf(!canMount)('while the disk is full, an import waits for space and loses nothing', async () => {
  await using dataDir = await copyDataDir();
  const postgres = await startHere(dataDir.path);
  await using disk = await mountSmallDisk(dataDir.path, 72);
  const ask = (sql: string) => query(postgres.url, sql);
  await ask(`CREATE TABLESPACE small LOCATION '${disk.path}'`);
  await ask('CREATE DATABASE own TABLESPACE small');
  const url = withName(postgres.url, 'own');
  const headway = await startHeadway({ DATABASE_URL: url, HEADWAY_LEASE_SECONDS: String(leaseSeconds) });
  await query(url, 'CREATE TABLE filler (bytes text STORAGE external)');
  const fill = (megabytes: number) =>
    query(url, `INSERT INTO filler SELECT repeat('x', 1000000) FROM generate_series(1, ${megabytes})`);
  await fill(45);
  const lines = Array.from({ length: rows }, (_, n) => `${n},name ${n}`);
  const response = await fetch(`${headway.url}/tasks/csv-import?dataset=full`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: `id,name\n${lines.join('\n')}\n`,
  });
  const { id } = (await response.json()) as TaskBody;

  const full = await eventually(
    () =>
      fill(1).then(
        () => undefined,
        (error: unknown) => error,
      ),
    { intervalMs: 100 },
  );
  // By then, each lease that could not be renewed has lapsed.
  await sleep((leaseSeconds + 2) * 1000);
  const during = await pollUntil(headway.url, id, () => true);
  await query(url, 'DROP TABLE filler');

  expect(full).toMatchObject({ code: '53100' });
  expect(during.status).toBe('running');
  const task = await pollUntil(headway.url, id, isFinished);
  expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0, result: { imported: rows } });
  expectReadableLog(headway.stdout);
  headway.signal('SIGKILL');
  await headway.exited;
  await administer(postgres.url, async (client) => {
    await client.query('DROP DATABASE own WITH (FORCE)');
    await client.query('DROP TABLESPACE small');
  });
  await postgres.stop();
});
