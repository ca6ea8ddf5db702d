/** Migrations that meet the locks of others say so, and do not wait for ever. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrations/migrate.ts';
import { TaskQueue } from '../../src/tasks/queue/queue.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.ts';
import { query } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';

const hasty = { lockTimeoutMs: 200, pauseMs: 10 };

describe('a migration', () => {
  let database: TestDatabase;
  let folder: string;
  let told: string[];
  let holder: pg.Client;

  beforeEach(async () => {
    database = await createEmptyDatabase();
    folder = await mkdtemp(path.join(os.tmpdir(), 'headway-migrations-'));
    told = [];
    holder = await connect('nightly report');
  });

  afterEach(async () => {
    await holder.end().catch(() => undefined);
    await database.drop();
  });

  async function connect(name: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: database.url, application_name: name });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  const options = () => ({ ...hasty, folder, onWait: (message: string) => void told.push(message) });

  async function addMigration(name: string, sql: string): Promise<void> {
    await mkdir(path.join(folder, name));
    await writeFile(path.join(folder, name, 'migration.sql'), sql);
  }

  /** Matches a message that names the process, and says what to do about it. */
  const named = (what: string, client: pg.Client) => {
    const { processID } = client as unknown as { processID: number };
    return new RegExp(
      `^${what} waits for process ${processID} of PostgreSQL \\(nightly report, role \\w+, (from \\S+, )?idle in transaction, since \\d{4}-\\S+Z, \\d+ s\\), and is tried again\\. .*SELECT pg_terminate_backend\\(${processID}\\);$`,
    );
  };

  it('waits while another process migrates, and names that process after each wait', async () => {
    await addMigration('1_first', 'CREATE TABLE thing ()');
    await holder.query('BEGIN; SELECT pg_advisory_xact_lock(72707369)');
    const migrating = migrate(database.url, options());

    await eventually(() => told.filter((line) => named('The migration', holder).test(line)).length >= 2);
    await holder.query('COMMIT');

    expect(await migrating).toEqual({ applied: ['1_first'] });
  });

  it('of a table that others have locked lets other statements pass between its tries, and succeeds once the table is free', async () => {
    await addMigration('1_first', 'CREATE TABLE thing (id int)');
    await migrate(database.url, options());
    await addMigration('2_second', 'CREATE TABLE other (); ALTER TABLE thing ADD name text');
    await holder.query('BEGIN; SELECT FROM thing');
    const migrating = migrate(database.url, options());

    await eventually(() => told.some((line) => named('The migration', holder).test(line)));
    const others = await query(database.url, `SELECT count(*)::int AS count FROM thing`);
    await holder.query('COMMIT');

    expect(others).toEqual([{ count: 0 }]);
    expect(await migrating).toEqual({ applied: ['2_second'] });
  });

  it('that is blocked by a process that waits itself names the last process in the chain', async () => {
    await query(database.url, 'CREATE TABLE thing ()');
    await addMigration('1_first', 'CREATE TABLE other ()');
    await holder.query('BEGIN; LOCK TABLE thing');
    const second = await connect('in between');
    const waiting = second.query('BEGIN; SELECT pg_advisory_xact_lock(72707369); LOCK TABLE thing; COMMIT');
    await eventually(() =>
      query(database.url, `SELECT FROM pg_locks WHERE NOT granted`).then((r) => r.length > 0),
    );
    const migrating = migrate(database.url, options());

    await eventually(() => told.some((line) => named('The migration', holder).test(line)));
    await holder.query('COMMIT');

    await waiting;
    await second.end();
    expect(await migrating).toEqual({ applied: ['1_first'] });
    expect(told.join()).not.toContain('in between');
  });

  it('whose connection is ended while it runs is tried again', async () => {
    await query(database.url, 'CREATE TABLE thing ()');
    await addMigration('1_first', 'CREATE TABLE other (); LOCK TABLE thing');
    await holder.query('BEGIN; LOCK TABLE thing');
    const patient = { ...options(), lockTimeoutMs: 600_000 };
    const migrating = migrate(database.url, patient);

    await eventually(async () => {
      const ended = await query(
        database.url,
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'thing'::regclass`,
      );
      return ended.length > 0;
    });
    await holder.query('COMMIT');

    expect(await migrating).toEqual({ applied: ['1_first'] });
    expect(told).toEqual([expect.stringMatching(/^The migration was interrupted, and is tried again: /)]);
  });

  it("of pg-boss's schema also waits, and names the process that blocks it", async () => {
    await migrate(database.url);
    const db = openDatabase(database.url, { name: 'test' });
    await holder.query('BEGIN; CREATE SCHEMA pgboss');
    const opening = TaskQueue.openAndMaintain(db, ['noop'], () => undefined, options());

    await eventually(
      () => told.filter((line) => named("The migration of pg-boss's schema", holder).test(line)).length >= 2,
    );
    await holder.query('ROLLBACK');

    const queue = await opening;
    expect(await queue.ensureQueues()).toEqual([]);
    await queue.close();
    await db.close();
  });

  it('that is aborted is not tried again', async () => {
    await addMigration('1_first', 'CREATE TABLE thing ()');
    await holder.query('BEGIN; SELECT pg_advisory_xact_lock(72707369)');
    const calling = new AbortController();
    const migrating = migrate(database.url, { ...options(), signal: calling.signal });
    await eventually(() => told.length > 0);

    calling.abort(new Error('called off'));

    await expect(migrating).rejects.toThrow('called off');
    const tables = await query(database.url, `SELECT to_regclass('thing') AS thing`);
    expect(tables).toEqual([{ thing: null }]);
  });
});

it('the creation of queues also waits while others have locked their table', async () => {
  const database = await createTestDatabase();
  const holder = new pg.Client({ connectionString: database.url, application_name: 'nightly report' });
  await holder.connect();
  await holder.query('BEGIN; LOCK TABLE pgboss.queue');
  const db = openDatabase(database.url, { name: 'test' });
  const told: string[] = [];
  const locks = { ...hasty, onWait: (message: string) => void told.push(message) };
  const opening = TaskQueue.openAndMaintain(db, ['noop'], () => undefined, locks);

  await eventually(() => told.some((line) => line.includes('nightly report')));
  await holder.query('COMMIT');

  await (await opening).close();
  await db.close();
  await holder.end();
  await database.drop();
});
