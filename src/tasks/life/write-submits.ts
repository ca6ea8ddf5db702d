/** The statements that write submits: many tasks each, with their first events and queue entries. */
import type { Connection } from '../../database/database.ts';
import { tables } from '../../database/names.ts';
import { completeFile } from '../files/files.ts';
import { newId } from '../model/ids.ts';
import { type TaskRow, taskColumns, taskFields } from '../model/row.ts';
import { isFinishedSql } from '../model/state-machine.ts';
import { insertEntriesSql, wakeRunnersSql } from '../queue/entries.ts';
import { findOwners, type KeyOwner, type SentRequest } from './same-request.ts';

/** A request as it goes to the database: its texts are cleansed, and its input is JSON text. */
export interface CleanRequest extends SentRequest {
  readonly title: string;
  readonly maxAttempts: number;
  readonly group?: string | undefined;
  readonly onConflict?: 'existing' | 'replaceFinished' | undefined;
}

/** The finished task that gave up its key to a new one, and its new version. */
export interface Replaced {
  readonly id: string;
  readonly version: number;
}

export type Written =
  | { readonly isCreated: true; readonly task: TaskRow; readonly replaced?: Replaced | undefined }
  | ({ readonly isCreated: false } & KeyOwner);

interface NewTask extends CleanRequest {
  readonly id: string;
}

/**
 * Creates the tasks of requests that need no transaction (see `needsTransaction`), in one statement. It
 * creates no task for a request whose key is taken, and no task at all if it throws.
 * @param connection the pool, as the statement needs no transaction
 * @param lockLimitMs how long to wait for a key that somebody else is about to take or to give up (default:
 *   as long as for any lock)
 * @returns the tasks in the order of the requests; undefined where the key is taken
 */
export async function createTasks(
  connection: Connection,
  requests: readonly CleanRequest[],
  lockLimitMs?: number,
): Promise<(TaskRow | undefined)[]> {
  const tasks = requests.map(withId);
  const created = await insertTasks(connection, tasks, lockLimitMs);
  return tasks.map(({ id }) => created.get(id));
}

/** Creates the tasks of requests, or finds the tasks that have their keys, in the caller's transaction. */
export async function writeSubmits(
  connection: Connection,
  requests: readonly CleanRequest[],
): Promise<Written[]> {
  const written = new Map<CleanRequest, Written>();
  let open = requests;
  // The owner of a key may be pruned or replaced before it is looked up. Then the key is free, so try again.
  while (open.length > 0) {
    const tasks = open.map(withId);
    const replaced = await giveUpKeys(connection, tasks);
    const created = await insertTasks(connection, tasks);
    const taken: CleanRequest[] = [];
    for (const [index, request] of open.entries()) {
      const { id = '', upload } = tasks[index] ?? {};
      const task = created.get(id);
      if (task) {
        if (upload) await completeFile(connection, upload, id);
        written.set(request, { isCreated: true, task, replaced: replaced.get(id) });
      } else {
        // The error rolls back: an old task must not give up its key to a task that is not created.
        if (replaced.has(id))
          throw new Error('A finished task gave up its key, but somebody else took the key first');
        taken.push(request);
      }
    }
    const owners = taken.length === 0 ? [] : await findOwners(connection, taken);
    for (const [index, request] of taken.entries()) {
      const owner = owners[index];
      if (owner) written.set(request, { isCreated: false, ...owner });
    }
    open = taken.filter((request) => !written.has(request));
  }
  return requests.map((request) => written.get(request) as Written);
}

const withId = (request: CleanRequest): NewTask => ({ ...request, id: newId() });

// Of several new tasks with the same key, the first one gets it. Rows are locked in order of type and key.
const giveUpKeysSql = `
  WITH asked AS (
    SELECT DISTINCT ON (type, key) type, key, id
    FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (id, type, key, place)
    ORDER BY type, key, place
  ), held AS MATERIALIZED (
    SELECT task.id, asked.id AS new_id
    FROM asked CROSS JOIN LATERAL (
      SELECT id FROM ${tables.taskState} WHERE type = asked.type AND key = asked.key AND ${isFinishedSql}
      FOR UPDATE
    ) AS task
  )
  UPDATE ${tables.taskState} AS task
  SET key = NULL, replaced_by = held.new_id, version = version + 1
  FROM held
  WHERE task.id = held.id
  RETURNING task.id, task.version, held.new_id AS "newId"`;

/** Makes finished tasks give up their keys to new tasks. @returns the old tasks by the ids of the new ones */
async function giveUpKeys(connection: Connection, tasks: readonly NewTask[]): Promise<Map<string, Replaced>> {
  const replacing = tasks.filter(
    ({ key, onConflict }) => key !== undefined && onConflict === 'replaceFinished',
  );
  if (replacing.length === 0) return new Map();
  const { rows } = await connection.query<Replaced & { newId: string }>({
    name: 'give-up-keys',
    text: giveUpKeysSql,
    values: [
      replacing.map(({ id }) => id),
      replacing.map(({ type }) => type),
      replacing.map(({ key }) => key),
    ],
  });
  return new Map(rows.map(({ newId: id, ...replaced }) => [id, replaced]));
}

// This is one statement, so that it needs no transaction of its own. Every process takes keys in the order of
// type and key. So of two statements that take the same keys, one waits for the other, and never both (no
// deadlock). Of several tasks with the same key, the first one is created.
const insertSql = (asked: string) => `
  WITH asked AS MATERIALIZED (
    SELECT asked.* FROM ${asked} unnest(
      $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::int[]
    ) WITH ORDINALITY AS asked (id, entry_id, type, key, group_label, title, input, max_attempts, place)
  ), made AS (
    INSERT INTO ${tables.taskState} AS task (id, entry_id, type, key, group_label, title, input, max_attempts)
    SELECT id, entry_id, type, key, group_label, title, input, max_attempts
    FROM asked
    ORDER BY type, key, place
    ON CONFLICT (type, key) DO NOTHING
    RETURNING task.entry_id, ${taskColumns}
  ), told AS (
    INSERT INTO ${tables.taskEvent} (task_id, attempt, kind) SELECT id, 0, 'submitted' FROM made
  ), entry AS (
    SELECT entry_id, id AS task_id, type AS queue, NULL::timestamptz AS start_after FROM made
  ), sent AS (${insertEntriesSql('entry')}
  ), woken AS MATERIALIZED (${wakeRunnersSql('entry')})
  SELECT ${taskFields('made')} FROM made CROSS JOIN (SELECT count(*) FROM woken) AS woken`;

const insertTasksSql = insertSql('');
const insertTasksInTimeSql = insertSql(`(SELECT set_config('lock_timeout', $9, TRUE)) AS limited CROSS JOIN`);

/** Creates tasks, except those whose keys are taken. @returns the created ones by their ids */
async function insertTasks(
  connection: Connection,
  tasks: readonly NewTask[],
  lockLimitMs?: number,
): Promise<Map<string, TaskRow>> {
  const values = [
    tasks.map(({ id }) => id),
    tasks.map(() => newId()),
    tasks.map(({ type }) => type),
    tasks.map(({ key }) => key ?? null),
    tasks.map(({ group }) => group ?? null),
    tasks.map(({ title }) => title),
    tasks.map(({ input }) => input),
    tasks.map(({ maxAttempts }) => maxAttempts),
  ];
  const { rows } = await connection.query<TaskRow>(
    lockLimitMs === undefined
      ? { name: 'insert-tasks', text: insertTasksSql, values }
      : {
          name: 'insert-tasks-in-time',
          text: insertTasksInTimeSql,
          values: [...values, String(lockLimitMs)],
        },
  );
  return new Map(rows.map((task) => [task.id, task]));
}
