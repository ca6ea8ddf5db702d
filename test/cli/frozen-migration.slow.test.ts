/** A process that is frozen during a migration keeps its locks for a while. */
import pg from 'pg';
import { expect, it } from 'vitest';
import { createEmptyDatabase } from '../support/database.ts';
import { query } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { HeadwayProcess } from '../support/process.ts';

/** The connections that hold the lock of migrations. */
const holdersSql = `
  SELECT pid FROM pg_locks
  WHERE locktype = 'advisory' AND objid = 72707369 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

it('a process that is frozen in a migration does not block another start, and goes on when it wakes up', async () => {
  const database = await createEmptyDatabase();
  // The gate stops a migration at its end, when it records itself in this table.
  await query(
    database.url,
    `CREATE TABLE _prisma_migrations (
       id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, logs text,
       migration_name varchar(255) NOT NULL, rolled_back_at timestamptz,
       started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0)`,
  );
  const gate = new pg.Client({ connectionString: database.url, application_name: 'gate' });
  await gate.connect();
  await gate.query('BEGIN; LOCK TABLE _prisma_migrations IN SHARE ROW EXCLUSIVE MODE');
  const env = { DATABASE_URL: database.url, PORT: '0' };
  const frozen = new HeadwayProcess(['migrate'], env);
  const [holder] = await eventually(async () => {
    const before = await query<{ pid: number }>(database.url, holdersSql);
    frozen.signal('SIGSTOP');
    const after = await query<{ pid: number }>(database.url, holdersSql);
    if (before[0] && before[0].pid === after[0]?.pid) return after;
    // The process held no lock, because it was about to try again.
    frozen.signal('SIGCONT');
    return undefined;
  });
  const other = new HeadwayProcess([], env);
  await eventually(() => other.stdout.includes('is tried again'));
  await gate.query('COMMIT');
  await gate.end();

  // PostgreSQL ends the idle transaction of the frozen process, so the other process becomes ready.
  await other.ready();
  frozen.signal('SIGCONT');

  expect(await frozen.exited).toBe(0);
  expect(frozen.stdout).toContain('The database is up to date.');
  expect(frozen.stderr).toContain('is tried again');
  expect(holder?.pid).toBeGreaterThan(0);
  other.signal('SIGTERM');
  expect(await other.exited).toBe(0);
  await database.drop();
});

it('a start names the process that it waits for, and can be stopped meanwhile', async () => {
  const database = await createEmptyDatabase();
  const gate = new pg.Client({ connectionString: database.url, application_name: 'an older version' });
  await gate.connect();
  await gate.query('BEGIN; SELECT pg_advisory_xact_lock(72707369)');
  const { processID } = gate as unknown as { processID: number };
  const headway = new HeadwayProcess([], { DATABASE_URL: database.url, PORT: '0' });
  const waits = new RegExp(
    `"level":40.*waits for process ${processID} of PostgreSQL \\(an older version, .*since`,
    'g',
  );

  await eventually(() => (headway.stdout.match(waits) ?? []).length >= 2);
  headway.signal('SIGTERM');

  expect(await headway.exited).toBe(0);
  expect(headway.stderr).toBe('');
  await gate.end();
  await database.drop();
});
