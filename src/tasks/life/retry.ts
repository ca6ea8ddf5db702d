/** A person's retry: a task that failed or was cancelled is queued again, with all of its tries. */
import { tables } from '../../database/names.ts';
import type { TaskState } from '../../generated/prisma/client.ts';
import { newId } from '../model/ids.ts';
import { mayRetry, transitions } from '../model/state-machine.ts';
import type { Store } from '../store.ts';

/** Where the next attempt begins: at the last checkpoint, or as if there had been none. */
export type RetryFrom = 'checkpoint' | 'start';

export interface Retried {
  /**
   * `unfinished`: the task is queued or running. `succeeded`: there is nothing to retry. `external`: the work
   * is done outside Headway, and only its worker there can do it again. `replaced`: another task,
   * `task.replacedBy`, has its key.
   */
  readonly outcome: 'queued' | 'unfinished' | 'succeeded' | 'external' | 'replaced';
  /** The task as it is afterwards. */
  readonly task: TaskState;
}

const retriedStatuses = transitions.retry.from.map((status) => `'${status}'`).join(', ');

// The row is locked first, so that the decision is about its newest version: a prune, a submit that takes its
// key or a second retry comes either before this statement or after it. The attempt's number is not reset: it
// is the fence against a runner that still works on an old attempt. A retry from the start counts checkpoints
// from 0 again.
const retrySql = `
  WITH task AS MATERIALIZED (
    SELECT id FROM ${tables.taskState}
    WHERE id = $1 AND status IN (${retriedStatuses}) AND report_token_hash IS NULL AND replaced_by IS NULL
    FOR NO KEY UPDATE
  ), changed AS (
    UPDATE ${tables.taskState}
    SET status = '${transitions.retry.to[0]}', entry_id = $2, failures = 0, losses = 0,
        error = NULL, result = NULL, cancel_requested_at = NULL, finished_at = NULL, expires_at = NULL,
        next_attempt_at = NULL, rate_per_second = NULL, eta_seconds = NULL,
        checkpoint = CASE WHEN $3 = 'start' THEN NULL ELSE checkpoint END,
        checkpoint_no = CASE WHEN $3 = 'start' THEN 0 ELSE checkpoint_no END,
        percent_done = CASE WHEN $3 = 'start' THEN 0 ELSE percent_done END,
        done = CASE WHEN $3 = 'start' THEN NULL ELSE done END,
        total = CASE WHEN $3 = 'start' THEN NULL ELSE total END,
        unit = CASE WHEN $3 = 'start' THEN NULL ELSE unit END,
        message = CASE WHEN $3 = 'start' THEN NULL ELSE message END,
        progressed_at = CASE WHEN $3 = 'start' THEN NULL ELSE progressed_at END,
        version = version + 1, updated_at = now()
    FROM task
    WHERE task_state.id = task.id
    RETURNING task_state.id, type, attempt
  ), told AS (
    INSERT INTO ${tables.taskEvent} (task_id, attempt, kind, detail)
    SELECT id, attempt, 'retried', jsonb_build_object('from', $3::text) FROM changed
  )
  SELECT type FROM changed`;

/** Retries a task; null for an unknown task. */
export async function retryTask(store: Store, id: string, from: RetryFrom): Promise<Retried | null> {
  for (;;) {
    const isQueued = await queueAnew(store, id, from);
    const task = await store.db.prisma.taskState.findUnique({ where: { id } });
    if (!task) return null;
    if (isQueued) return { outcome: 'queued', task };
    // The task ended between the statement and the read, so that a retry would be accepted now: try again.
    if (!mayRetry(task)) return { outcome: refusal(task), task };
  }
}

function queueAnew(store: Store, id: string, from: RetryFrom): Promise<boolean> {
  return store.queue.inTransaction(async (connection) => {
    const entryId = newId();
    const { rows } = await connection.query<{ type: string }>({
      name: 'retry',
      text: retrySql,
      values: [id, entryId, from],
    });
    for (const { type } of rows) {
      await store.queue.send([{ id: entryId, taskId: id, type, losses: 0 }], connection);
    }
    return rows.length > 0;
  });
}

function refusal(task: TaskState): Exclude<Retried['outcome'], 'queued'> {
  if (task.reportTokenHash !== null) return 'external';
  if (task.status === 'succeeded') return 'succeeded';
  if (task.replacedBy !== null) return 'replaced';
  // Perhaps somebody else retried the task a moment before.
  return 'unfinished';
}
