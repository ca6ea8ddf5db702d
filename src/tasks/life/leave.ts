/**
 * How a task leaves `running` in any way but success: back to the queue, to `failed` or to `cancelled`. SQL
 * decides which, from the row. Written once, for ends and for lost workers alike.
 */

import type { Connection } from '../../database/database.ts';
import { tables, taskStatusType } from '../../database/names.ts';
import { hasCheckpointSql } from '../model/row.ts';
import type { Store } from '../store.ts';
import { endTime, expiryParameter, expirySql } from './expiry.ts';

/**
 * The columns that the locking query itself must read: a join afterwards would see the row as it was before
 * the wait for its lock.
 */
export const lockedColumns =
  'task.id, task.attempt, task.failures, task.max_attempts, task.cancel_requested_at, task.error AS last_error';

/**
 * The statement that moves rows out of `running`.
 *
 * @param source SQL of a CTE that `leaving` reads
 * @param leaving SQL of a query that locks the rows to move and returns, for each: the `lockedColumns`,
 *   `counts` (whether it is a failure), `final` (whether no further try can help), `loss` (added to `losses`;
 *   null sets them to 0), `kind` of the event when the task is queued again, `code` and `message` of the
 *   error (null keeps the last error), `blame` (why a loss counts or does not, for the event; null for any
 *   other end), `delay` in seconds before the next try.
 */
export function leaveSql(source: string, leaving: string): string {
  return `
    WITH ${source}, leaving AS MATERIALIZED (${leaving}), fate AS (
      SELECT leaving.*, gen_random_uuid() AS new_entry_id,
        CASE
          WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
          WHEN NOT counts OR (NOT final AND failures + 1 < max_attempts) THEN 'queued'
          ELSE 'failed'
        END::${taskStatusType} AS status,
        CASE
          WHEN cancel_requested_at IS NOT NULL THEN
            jsonb_build_object('code', 'cancelled', 'message', 'The task was cancelled', 'attempt', attempt, 'at', ${endTime})
          WHEN message IS NULL THEN last_error
          ELSE jsonb_build_object('code', code, 'message', message, 'attempt', attempt, 'at', ${endTime})
        END AS error
      FROM leaving
    ), moved AS (
      UPDATE ${tables.taskState} AS task
      SET status = fate.status,
          failures = task.failures + CASE WHEN fate.counts AND fate.status <> 'cancelled' THEN 1 ELSE 0 END,
          losses = CASE WHEN fate.loss IS NULL THEN 0 ELSE task.losses + fate.loss END,
          error = fate.error,
          entry_id = CASE WHEN fate.status = 'queued' THEN fate.new_entry_id END,
          next_attempt_at = CASE WHEN fate.status = 'queued' AND fate.delay > 0 THEN ${endTime} + make_interval(secs => fate.delay) END,
          worker_id = NULL,
          rate_per_second = NULL, eta_seconds = NULL,
          finished_at = CASE WHEN fate.status <> 'queued' THEN ${endTime} END,
          expires_at = CASE WHEN fate.status <> 'queued' THEN ${expirySql('$1', 'task.type')} END,
          version = version + 1,
          updated_at = ${endTime}
      FROM fate
      WHERE task.id = fate.id
      RETURNING task.id, task.type, task.losses, task.status, task.attempt, task.entry_id, task.next_attempt_at,
                task.failures, task.max_attempts, fate.kind, fate.code, fate.message, fate.blame,
                ${hasCheckpointSql('task')} AS has_checkpoint
    ), told AS (
      INSERT INTO ${tables.taskEvent} (task_id, attempt, kind, detail, at)
      SELECT id, attempt, event_kind, jsonb_strip_nulls(jsonb_build_object(
               'code', code, 'message', message, 'nextAttemptAt', next_attempt_at,
               'failures', failures, 'maxAttempts', max_attempts,
               'blame', CASE WHEN event_kind = 'worker_lost' THEN blame END,
               'hasCheckpoint', CASE WHEN status = 'queued' THEN has_checkpoint END)), ${endTime}
      FROM (
        -- A lost worker gets an event of its own even where the task then fails; any other end is one event.
        SELECT *, CASE WHEN status = 'queued' THEN kind ELSE status::text END AS event_kind FROM moved
        UNION ALL
        SELECT *, kind FROM moved WHERE kind = 'worker_lost' AND status <> 'queued'
      ) AS event
      ORDER BY id, event_kind DESC
    )
    SELECT id AS "taskId", type, losses, status, attempt, entry_id AS "entryId", next_attempt_at AS "nextAttemptAt" FROM moved`;
}

export interface LeftAttempt {
  readonly taskId: string;
  readonly type: string;
  readonly losses: number;
  readonly status: 'queued' | 'failed' | 'cancelled';
  readonly attempt: number;
  readonly entryId: string | null;
  readonly nextAttemptAt: Date | null;
}

/**
 * Runs a statement made by `leaveSql`, and sends entries for the tasks that are queued again, in the caller's
 * transaction.
 */
export async function leaveRunning(
  store: Store,
  connection: Connection,
  statement: { name: string; text: string; values: unknown[] },
): Promise<LeftAttempt[]> {
  const { rows } = await connection.query<LeftAttempt>({
    ...statement,
    values: [expiryParameter(store), ...statement.values],
  });
  const entries = rows.flatMap(({ entryId, taskId, type, losses, nextAttemptAt }) =>
    entryId ? [{ id: entryId, taskId, type, losses, startAfter: nextAttemptAt ?? undefined }] : [],
  );
  await store.queue.send(entries, connection);
  return rows;
}
