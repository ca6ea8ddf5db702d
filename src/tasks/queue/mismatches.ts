/**
 * Where tasks and queue entries do not agree: queued tasks without an entry that will wake a runner for them,
 * and entries whose task does not wait for them. One statement finds both kinds.
 */

import { tables } from '../../database/names.ts';
import { withRepairLock } from '../repair-lock.ts';
import type { Store } from '../store.ts';
import { liveEntriesSql } from './boss.ts';
import { queueSql } from './names.ts';

/** A queued task without an entry that will wake a runner, or an entry that no task waits for. */
export interface Mismatch {
  /** Null where an entry has no task. */
  readonly taskId: string | null;
  readonly queue: string;
  readonly entryId: string;
}

export const mismatchBatch = 100;

// Queued tasks are read by the index on status, live entries by pg-boss's partial index on (name, state): no
// finished task and no finished entry is read, and nothing is locked. A task or an entry is listed only after
// it has not changed for a lease, because an entry that was fetched a moment ago is being claimed. A fetched
// entry that does not say when it was fetched is taken for dropped. The entry of a task counts as missing
// where it names another task, is held back, or starts later than the task is to go on.
const mismatchesSql = `
  WITH entry AS (
    SELECT *, state = 'active' AND coalesce(started_on < now() - make_interval(secs => $1), TRUE) AS was_dropped
    FROM (${liveEntriesSql}) AS entry
  ), task AS (
    SELECT id, ${queueSql('task_state')} AS queue, entry_id, next_attempt_at, updated_at AS since
    FROM ${tables.taskState}
    WHERE status = 'queued' AND report_token_hash IS NULL
  )
  SELECT task.id AS "taskId", coalesce(task.queue, entry.name) AS queue, coalesce(task.entry_id, entry.id) AS "entryId"
  FROM task FULL JOIN entry ON entry.id = task.entry_id AND entry.name = task.queue
  WHERE (entry.id IS NULL OR task.id IS NULL OR entry.was_dropped OR entry.blocked
         OR entry.task_id IS DISTINCT FROM task.id::text OR entry.start_after > greatest(task.next_attempt_at, now()))
    AND coalesce(task.since, entry.since) < now() - make_interval(secs => $1)
    AND coalesce(task.queue, entry.name) <> ALL ($2::text[])
  LIMIT ${mismatchBatch}`;

/** @param except queues to pass over */
export function findMismatches(
  store: Store,
  leaseSeconds: number,
  except: readonly string[] = [],
): Promise<Mismatch[]> {
  return withRepairLock(store, async (connection) => {
    const { rows } = await connection.query<Mismatch>({
      name: 'mismatches',
      text: mismatchesSql,
      values: [leaseSeconds, except],
    });
    return rows;
  });
}
