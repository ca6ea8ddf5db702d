/** How errors that PostgreSQL reports are classified, both through pg and through Prisma. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/database/database.ts';
import {
  describeTrouble,
  isConnectionError,
  isPassingError,
  isStatementLimit,
} from '../../src/database/error-kinds.ts';
import type { Settings } from '../../src/database/pg-client.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startRefusingPostgres } from '../support/fake-postgres.ts';
import { errorsOf, refusals } from '../support/refusals.ts';
import { administer } from '../support/server.ts';

describe('how PostgreSQL refuses', () => {
  let database: TestDatabase;
  let url: string;
  let db: Database;

  beforeAll(async () => {
    database = await createEmptyDatabase();
    url = database.url;
    db = openDatabase(url, { name: 'errors' });
    await db.pool.query('CREATE TABLE thing (id int PRIMARY KEY, value int)');
    await db.pool.query('INSERT INTO thing VALUES (1, 0), (2, 0)');
  });

  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  /**
   * The errors of statements in which somebody calls this function with the pid of the statement's process.
   */
  async function refusalsAfter(end: 'pg_cancel_backend' | 'pg_terminate_backend'): Promise<unknown[]> {
    let told: unknown[] | undefined;
    void refusals(url, 'SELECT pg_sleep(3600)').then((errors) => {
      told = errors;
    });
    return eventually(async () => {
      await db.pool.query(
        `SELECT ${end}(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query = 'SELECT pg_sleep(3600)' AND state = 'active'`,
      );
      return told;
    });
  }

  it.each<[string, string, Settings, string]>([
    [
      'writes while it is read-only',
      'UPDATE thing SET value = 1',
      { default_transaction_read_only: 'on' },
      'The database is read-only.',
    ],
    [
      'writes while its disk is full',
      `DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$`,
      {},
      'The disk of the database is full.',
    ],
    [
      'a statement that exceeds its time limit',
      'SELECT pg_sleep(5)',
      { statement_timeout: '50' },
      'The database cannot do this at the moment.',
    ],
  ])('%s: passes, and is described for people', async (_what, statement, settings, told) => {
    for (const error of await refusals(url, statement, settings)) {
      expect(error).toBeInstanceOf(Error);
      expect([isPassingError(error), isConnectionError(error)]).toEqual([true, false]);
      expect(describeTrouble(error)).toBe(told);
    }
  });

  it('a statement that somebody cancels: passes, and does not count as a time limit', async () => {
    const errors = await refusalsAfter('pg_cancel_backend');

    for (const error of errors)
      expect([isPassingError(error), isConnectionError(error), isStatementLimit(error)]).toEqual([
        true,
        false,
        false,
      ]);
  });

  it('a statement that exceeds its time limit: counts as a time limit', async () => {
    for (const error of await refusals(url, 'SELECT pg_sleep(5)', { statement_timeout: '50' }))
      expect(isStatementLimit(error)).toBe(true);
  });

  it.each([
    ['a syntax error', 'SELEC 1'],
    ['a table that does not exist', 'SELECT * FROM nothing'],
    ['a duplicate value', 'INSERT INTO thing VALUES (1, 1)'],
  ])('%s: does not pass', async (_what, statement) => {
    for (const error of await refusals(url, statement)) expect(isPassingError(error)).toBe(false);
  });

  it('a lock that others hold for too long: passes', async () => {
    await using holder = await lend(db);
    await holder.client.query('BEGIN; LOCK TABLE thing');

    const errors = await refusals(url, 'UPDATE thing SET value = 1', { lock_timeout: '50' });

    for (const error of errors)
      expect([isPassingError(error), isConnectionError(error)]).toEqual([true, false]);
  });

  it('a write to a row that another transaction has changed meanwhile: passes', async () => {
    await using first = await lend(db);
    await first.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await first.client.query('SELECT * FROM thing');
    await db.pool.query('UPDATE thing SET value = 2 WHERE id = 1');

    const error = await first.client.query('UPDATE thing SET value = 3').catch((cause: unknown) => cause);

    expect(error).toMatchObject({ code: '40001' });
    expect(isPassingError(error)).toBe(true);
  });

  it('a deadlock: passes', async () => {
    await using first = await lend(db);
    await using second = await lend(db);
    for (const { client } of [first, second]) await client.query('BEGIN');
    await first.client.query('UPDATE thing SET value = 2 WHERE id = 1');
    await second.client.query('UPDATE thing SET value = 2 WHERE id = 2');

    const outcomes = await Promise.allSettled([
      first.client.query('UPDATE thing SET value = 3 WHERE id = 2'),
      second.client.query('UPDATE thing SET value = 3 WHERE id = 1'),
    ]);

    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(errors.map((error) => error.code)).toEqual(['40P01']);
    expect(errors.map(isPassingError)).toEqual([true]);
  });

  it.each([
    ['that is idle in its transaction', 'BEGIN', { idle_in_transaction_session_timeout: '50' }, true],
    ['that is idle', 'SELECT 1', { idle_session_timeout: '50' }, false],
    ['whose transaction takes too long', 'BEGIN', { transaction_timeout: '50' }, true],
  ])('a session %s: has lost its connection', async (_what, statement, settings, isLimit) => {
    const other = openDatabase(url, { name: 'errors', settings });
    const client = await other.pool.connect();
    const ended = new Promise<unknown>((resolve) => client.once('error', resolve));

    // On a busy machine, the session may end before the statement is sent. Then the statement itself fails.
    const error = await client.query(statement).then(
      () => ended,
      (cause: unknown) => cause,
    );

    client.release(true);
    await other.close();
    expect([isConnectionError(error), isStatementLimit(error)]).toEqual([true, isLimit]);
  });

  it('one connection too many: is a connection error', async () => {
    const full = new URL(url);
    const role = `${full.pathname.slice(1)}_few`;
    await db.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'few' CONNECTION LIMIT 1`);
    full.username = role;
    full.password = 'few';

    const error = await administer(full.href, () =>
      administer(full.href, () => Promise.resolve()).catch((cause: unknown) => cause),
    );

    await db.pool.query(`DROP ROLE ${role}`);
    expect(error).toMatchObject({ code: '53300' });
    expect(isConnectionError(error)).toBe(true);
  });

  it.each([
    [
      'a user that does not exist',
      (full: URL) => {
        full.username = 'nobody';
      },
      /^28/,
    ],
    [
      'a database that does not exist',
      (full: URL) => {
        full.pathname = '/nothing';
      },
      /^3D000$/,
    ],
  ])('%s: is a connection error, also for Prisma', async (_what, change, code) => {
    const full = new URL(url);
    change(full);
    const other = openDatabase(full.href, { name: 'errors' });

    const errors = await errorsOf(other, 'SELECT 1');

    await other.close();
    expect(errors[0]).toMatchObject({ code: expect.stringMatching(code) });
    expect(errors.map(isConnectionError)).toEqual([true, true]);
  });

  it.each(['08P01', '57P03', '53300', '28P01'])('%s on connecting: is a connection error', async (code) => {
    await using postgres = await startRefusingPostgres(code, 'not now');
    const other = openDatabase(postgres.url, { name: 'errors' });

    const errors = await errorsOf(other, 'SELECT 1');

    await other.close();
    expect(errors.map(isConnectionError)).toEqual([true, true]);
  });

  it('a session that somebody ends by hand: is a connection error', async () => {
    const errors = await refusalsAfter('pg_terminate_backend');

    expect(errors.map(isConnectionError)).toEqual([true, true]);
  });
});

/** Takes a connection out of the pool, and closes it afterwards. */
async function lend(db: Database): Promise<AsyncDisposable & { client: pg.PoolClient }> {
  const client = await db.pool.connect();
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.release(true);
    },
  };
}
