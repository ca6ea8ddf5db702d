/** Cancelling: a queued task ends at once; a running task is asked to stop, through its attempt's signal. */

import { inTransaction } from '../../database/database.ts';
import { tables } from '../../database/names.ts';
import type { TaskState } from '../../generated/prisma/client.ts';
import { isTerminal } from '../model/state-machine.ts';
import type { Store } from '../store.ts';
import { tallySql } from '../tally/append.ts';
import { endTime, expiryParameter, expirySql } from './expiry.ts';

export interface Cancelled {
  /**
   * `cancelled`: the task ended at once. `requested`: its attempt was asked to stop. `alreadyCancelled`: the
   * task had been cancelled before. `finished`: the request came too late.
   */
  readonly outcome: 'cancelled' | 'requested' | 'alreadyCancelled' | 'finished';
  readonly task: TaskState;
}

interface CancelledRow {
  readonly status: 'running' | 'cancelled';
  readonly type: string;
  readonly losses: number;
  readonly entryId: string | null;
}

/** Cancels a task; null for an unknown task. A second request changes nothing. */
export async function cancelTask(store: Store, id: string): Promise<Cancelled | null> {
  const changed = await inTransaction(store.db.pool, async (connection) => {
    const { rows } = await connection.query<CancelledRow>({
      name: 'cancel',
      // The row is locked first, so that the decision is about its newest version.
      text: `
        WITH task AS MATERIALIZED (
          SELECT id, status, entry_id, coalesce(next_attempt_at, updated_at) AS due_at FROM ${tables.taskState}
          WHERE id = $1 AND status IN ('queued', 'running') AND cancel_requested_at IS NULL
          FOR NO KEY UPDATE
        ), changed AS (
          UPDATE ${tables.taskState}
          SET cancel_requested_at = ${endTime},
              status = CASE WHEN task.status = 'queued' THEN 'cancelled' ELSE task.status END,
              error = CASE WHEN task.status = 'queued'
                           THEN jsonb_build_object('code', 'cancelled', 'message', 'The task was cancelled', 'attempt', attempt, 'at', ${endTime})
                           ELSE error END,
              entry_id = NULL, next_attempt_at = NULL,
              finished_at = CASE WHEN task.status = 'queued' THEN ${endTime} END,
              expires_at = CASE WHEN task.status = 'queued' THEN ${expirySql('$2', 'task_state.type')} END,
              version = version + 1, updated_at = ${endTime}
          FROM task
          WHERE task_state.id = task.id
          RETURNING task_state.id, task_state.status, type, losses, attempt, task.entry_id, task.due_at
        ), told AS (
          INSERT INTO ${tables.taskEvent} (task_id, attempt, kind, at)
          SELECT id, attempt, CASE WHEN status = 'cancelled' THEN 'cancelled' ELSE 'cancel_requested' END, ${endTime}
          FROM changed
        ), withdrawn AS (
          SELECT * FROM changed WHERE status = 'cancelled'
        ), tallied AS (${tallySql('withdrawn', { outcome: "'withdrawn'", since: 'due_at' })}
        )
        SELECT status, type, losses, entry_id AS "entryId" FROM changed`,
      values: [id, expiryParameter(store)],
    });
    const row = rows[0];
    if (row?.entryId) await store.queue.withdraw({ ...row, id: row.entryId }, connection);
    return row;
  });
  const task = await store.db.prisma.taskState.findUnique({ where: { id } });
  if (!task) return null;
  if (changed) return { outcome: changed.status === 'cancelled' ? 'cancelled' : 'requested', task };
  // The task was finished when the statement ran, and somebody retried it before it was read: cancel again.
  if (!isTerminal(task.status) && task.cancelRequestedAt === null) return cancelTask(store, id);
  if (task.status === 'cancelled') return { outcome: 'alreadyCancelled', task };
  return { outcome: task.status === 'running' || task.status === 'queued' ? 'requested' : 'finished', task };
}
