/**
 * The domain of tasks without runners: a store that is empty at the start of each test, and steps of a task's
 * life.
 */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Settings } from '../../src/database/pg-client.ts';
import type { Prisma, TaskState } from '../../src/generated/prisma/client.ts';
import { writeCheckpoint } from '../../src/tasks/life/checkpoint.ts';
import type { AttemptRef } from '../../src/tasks/life/end.ts';
import type { SubmitRequest } from '../../src/tasks/life/submit.ts';
import { newId } from '../../src/tasks/model/ids.ts';
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

/** Deletes all tasks, workers and files. Not by TRUNCATE, which takes fifty times as long on few rows. */
export async function clear({ db }: Pick<Store, 'db'>): Promise<void> {
  const tables = ['task_event', 'task_state', 'worker', 'file_chunk', 'file', 'pgboss.job'];
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

/** Queues many tasks at once. */
export function submitMany(store: Store, count: number): Promise<TaskState[]> {
  return Promise.all(Array.from({ length: count }, (_, number) => submit(store, 'noop', number)));
}

/** Claims all tasks that are due in a queue, as a runner does. */
export async function takeAll(store: Store, workerId: string, queue = 'noop'): Promise<ClaimedAttempt[]> {
  return (await claimTasks(store, workerId, queue, 200)).attempts;
}

/** Claims all tasks that are due in a queue, by a worker that starts for it. */
export async function takeByNewWorker(store: Store, queue = 'noop'): Promise<ClaimedAttempt[]> {
  return takeAll(store, await startWorker(store), queue);
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
  return task;
}

/** As many running tasks as `Count` says; at least one, if the compiler does not know the number. */
type RunningTasks<Count extends number, Found extends RunningTask[] = []> = number extends Count
  ? [RunningTask, ...RunningTask[]]
  : Found['length'] extends Count
    ? Found
    : RunningTasks<Count, [...Found, RunningTask]>;

/**
 * Tasks of the type `noop` that run together on one worker, in the order of their ids; nothing else may be
 * queued.
 */
export async function runTasks<Count extends number>(
  store: Store,
  count: Count,
  options: Partial<SubmitRequest> = {},
): Promise<RunningTasks<Count>> {
  for (let task = 0; task < count; task += 1) await submit(store, 'noop', null, options);
  const workerId = await startWorker(store);
  const running = (await takeAll(store, workerId))
    .map((claimed) => runningTask(workerId, claimed))
    .sort((a, b) => (a.taskId < b.taskId ? -1 : 1));
  if (running.length !== count) throw new Error(`${running.length} tasks were claimed instead of ${count}`);
  return running as RunningTasks<Count>;
}

/** Hundreds of running tasks on one worker, in no order, which had waited for an hour. */
export async function runMany(store: Store, count: number): Promise<RunningTasks<number>> {
  await addUnfinished(store.db.pool, { queued: count, running: 0, finishedEntries: 0 });
  const workerId = await startWorker(store);
  const claimed: ClaimedAttempt[] = [];
  while (claimed.length < count) claimed.push(...(await takeAll(store, workerId)));
  return claimed.map((attempt) => runningTask(workerId, attempt)) as RunningTasks<number>;
}

function runningTask(workerId: string, claimed: ClaimedAttempt): RunningTask {
  return { workerId, taskId: claimed.taskId, attempt: claimed.attempt, claimed };
}

/** Writes a checkpoint of an attempt, as its job does, and says whether it was written. */
export function saveCheckpoint(
  store: Store,
  attempt: AttemptRef,
  checkpoint: unknown,
  knownNo = 0,
): Promise<boolean> {
  return writeCheckpoint(attempt, JSON.stringify(checkpoint), knownNo, async (text, values) => {
    return (await store.db.pool.query(text, values)).rows;
  });
}

/** Changes the row of a task directly, where a test is not about how a task comes into such a state. */
export async function changeTask(
  store: Store,
  taskId: string,
  data: Prisma.TaskStateUncheckedUpdateInput,
): Promise<void> {
  await store.db.prisma.taskState.update({ where: { id: taskId }, data });
}

/** Sets back the time at which all tasks were last changed. */
export async function ageTasks(store: Store, seconds: number): Promise<void> {
  await store.db.pool.query('UPDATE task_state SET updated_at = now() - make_interval(secs => $1)', [
    seconds,
  ]);
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
