/**
 * The domain of tasks without runners: a store that is empty at the start of each test, and steps of a task's
 * life.
 */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Settings } from '../../src/database/pg-client.ts';
import type { TaskState } from '../../src/generated/prisma/client.ts';
import type { SubmitRequest } from '../../src/tasks/life/submit.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { readHistory, readTask } from '../../src/tasks/queries/read.ts';
import { type ClaimedAttempt, claimTasks } from '../../src/tasks/queue/claim.ts';
import type { Store } from '../../src/tasks/store.ts';
import { registerWorker } from '../../src/tasks/workers/workers.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { conditionLimitMs } from './patience.ts';
import { openStore, submit } from './service.ts';
import { addUnfinished } from './unfinished.ts';

export interface TestStore extends Store {
  readonly url: string;
}

/** Limits on locks and idle transactions that even a busy machine does not meet; other tests test the real limits. */
export const patient: Settings = {
  lock_timeout: `${conditionLimitMs}`,
  idle_in_transaction_session_timeout: `${conditionLimitMs}`,
};

/** Deletes all tasks, workers and files, and what was tallied of them. Not by TRUNCATE, which takes fifty times as long on few rows. */
export async function clear({ db }: Pick<Store, 'db'>): Promise<void> {
  const tally = ['task_tally', 'task_minute', 'task_usual'];
  const tables = ['task_event', 'task_state', 'worker', 'file_chunk', 'file', 'pgboss.job', ...tally];
  await db.pool.query(tables.map((table) => `DELETE FROM ${table}`).join('; '));
}

/** A store on the test file's own database, which is emptied before each test. */
export function useStore(): TestStore {
  let database: TestDatabase;
  let store: Awaited<ReturnType<typeof openStore>>;
  beforeAll(async () => {
    database = await createTestDatabase();
    store = await openStore(database.url, { settings: patient });
    // When many ask at once on a busy machine, the last one may wait long for a connection.
    Object.assign(store.db.pool.options, { connectionTimeoutMillis: conditionLimitMs });
  });
  beforeEach(() => clear(store));
  afterAll(async () => {
    await store.close();
    await database.drop();
  });
  return {
    get url() {
      return database.url;
    },
    get db() {
      return store.db;
    },
    get queue() {
      return store.queue;
    },
    retentionDays: 30,
  };
}

/** A worker whose lease holds for an hour. */
export async function startWorker(
  store: Store,
  leaseSeconds = 3600,
  types: readonly string[] = ['noop'],
): Promise<string> {
  const id = newId();
  await registerWorker(store, { id, host: 'test', pid: 1, slots: 10, types, leaseSeconds });
  return id;
}

/** Claims all tasks that are due in a queue, as a runner does. */
export async function takeAll(store: Store, workerId: string, queue = 'noop'): Promise<ClaimedAttempt[]> {
  return (await claimTasks(store, workerId, queue, 200)).attempts;
}

/** Takes an entry out of a queue as pg-boss's own tools do, and never claims its task. */
export async function fetchByHand(store: Store, queue = 'noop'): Promise<void> {
  const { rowCount } = await store.db.pool.query(
    `UPDATE pgboss.job SET state = 'active', started_on = now()
     WHERE (name, id) IN (SELECT name, id FROM pgboss.job WHERE name = $1 AND state < 'active' LIMIT 1)`,
    [queue],
  );
  if (rowCount !== 1) throw new Error(`Nothing waits in ${queue}`);
}

export interface RunningTask {
  readonly workerId: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly claimed: ClaimedAttempt;
}

/** A task of the type `noop` that runs alone on a worker of its own; nothing else may be queued. */
export async function runTask(store: Store, options: Partial<SubmitRequest> = {}): Promise<RunningTask> {
  const [task] = await runTasks(store, 1, options);
  if (!task) throw new Error('nothing was claimed');
  return task;
}

/** Tasks of the type `noop` that run together on one worker, in the order of their ids. */
export async function runTasks(
  store: Store,
  count: number,
  options: Partial<SubmitRequest> = {},
): Promise<RunningTask[]> {
  for (let task = 0; task < count; task += 1) await submit(store, 'noop', null, options);
  const workerId = await startWorker(store);
  const claimed = await takeAll(store, workerId);
  return claimed
    .map((attempt) => ({ workerId, taskId: attempt.taskId, attempt: attempt.attempt, claimed: attempt }))
    .sort((a, b) => (a.taskId < b.taskId ? -1 : 1));
}

/** Hundreds of running tasks on one worker, in no order, which had waited for an hour. */
export async function runMany(store: Store, count: number): Promise<RunningTask[]> {
  await addUnfinished(store.db.pool, { queued: count, running: 0, finishedEntries: 0 });
  const workerId = await startWorker(store);
  const claimed: ClaimedAttempt[] = [];
  while (claimed.length < count) claimed.push(...(await takeAll(store, workerId)));
  return claimed.map((attempt) => ({
    workerId,
    taskId: attempt.taskId,
    attempt: attempt.attempt,
    claimed: attempt,
  }));
}

export async function rowOf(store: Store, id: string): Promise<TaskState> {
  const row = await readTask(store, id);
  if (!row) throw new Error(`there is no task ${id}`);
  return row;
}

/** The kinds of the events in a task's history, oldest first. */
export async function kindsOf(store: Store, id: string): Promise<string[]> {
  return (await readHistory(store, id)).map((event) => event.kind);
}

export interface LiveEntry {
  readonly id: string;
  readonly taskId: string;
  readonly startAfter: Date;
}

/** The queue entries that wait. */
export async function liveEntries(store: Store): Promise<LiveEntry[]> {
  const { rows } = await store.db.pool.query<LiveEntry>(
    `SELECT id, data->>'taskId' AS "taskId", start_after AS "startAfter" FROM pgboss.job
     WHERE state < 'active' ORDER BY created_on, id`,
  );
  return rows;
}

export async function entryState(store: Store, entryId: string): Promise<string | undefined> {
  const { rows } = await store.db.pool.query<{ state: string }>(
    'SELECT state FROM pgboss.job WHERE id = $1',
    [entryId],
  );
  return rows[0]?.state;
}

export { emptyReport };

/** A connection for a transaction that stays open while the test observes others. */
export async function openRaw(store: Store): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: store.db.url });
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, {
    [Symbol.asyncDispose]: () => client.end(),
  });
}

/** How many connections of this database wait for a lock now. */
export async function lockWaiters(store: Store): Promise<number> {
  const { rows } = await store.db.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows[0]?.count ?? 0;
}

/** From now on, claims stop in the middle, with all their locks, until the gate opens. */
export function slowClaims(store: Store): Promise<Gate> {
  return closeGate(store, `NEW.status = 'running' AND OLD.status = 'queued'`);
}

/** From now on, ends of attempts stop in the middle, with all their locks, until the gate opens. */
export function slowEnds(store: Store): Promise<Gate> {
  return closeGate(store, `NEW.status <> 'running' AND OLD.status = 'running'`);
}

export interface Gate extends AsyncDisposable {
  go(): Promise<void>;
}

async function closeGate(store: Store, condition: string): Promise<Gate> {
  const gate = await openRaw(store);
  await gate.query('SELECT pg_advisory_lock(1)');
  await gate.query(`
    CREATE OR REPLACE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END'`);
  await gate.query(`
    CREATE TRIGGER gate BEFORE UPDATE ON task_state
    FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION wait_at_gate()`);
  return {
    go: async () => void (await gate.query('SELECT pg_advisory_unlock(1)')),
    async [Symbol.asyncDispose]() {
      await gate.query('SELECT pg_advisory_unlock_all()');
      await gate.query('DROP TRIGGER gate ON task_state');
      await gate.end();
    },
  };
}

/** Makes PostgreSQL refuse new rows of a table: all, or those for which a condition on NEW is true. */
export async function refuseRows(
  { db }: Pick<Store, 'db'>,
  table: string,
  condition = 'TRUE',
): Promise<AsyncDisposable> {
  await db.pool.query(`
    CREATE OR REPLACE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN RAISE EXCEPTION 'refused by the test'; END$$`);
  await db.pool.query(`
    CREATE TRIGGER refusal AFTER INSERT ON ${table}
    FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION refuse_row()`);
  let isOver = false;
  return {
    async [Symbol.asyncDispose]() {
      if (!isOver) await db.pool.query(`DROP TRIGGER refusal ON ${table}`);
      isOver = true;
    },
  };
}

/** Whether a runner has asked for work, and its connections have then been idle for 300 ms. */
export async function claimsRest({ db }: Store): Promise<boolean> {
  const { rows } = await db.pool.query<{ rests: boolean | null }>(
    `SELECT bool_and(state_change < clock_timestamp() - interval '300 milliseconds') AS rests
     FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'headway claim'`,
  );
  return rows[0]?.rests === true;
}
