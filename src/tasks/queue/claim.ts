/** Claiming: how queue entries that are due become running attempts of a worker. */

import { tables } from '../../database/names.ts';
import { hasCheckpointSql } from '../model/row.ts';
import { transitions } from '../model/state-machine.ts';
import type { Store } from '../store.ts';
import { bossTables, entryTaskSql, waitsInQueueSql } from './boss.ts';
import { queueSql } from './names.ts';

/** An attempt as its runner knows it. */
export interface ClaimedAttempt {
  readonly taskId: string;
  readonly type: string;
  readonly attempt: number;
  /** The failures before this attempt. */
  readonly failures: number;
  readonly maxAttempts: number;
  readonly input: unknown;
  readonly checkpoint: unknown;
  readonly checkpointNo: number;
  readonly cancelRequested: boolean;
}

export interface Claim {
  readonly attempts: ClaimedAttempt[];
  /** Whether there may be more to claim right away. */
  readonly hasMore: boolean;
}

/**
 * SQL that is true where the row `task` waits for the entry, in the queue $2. The queue is compared because
 * somebody may have changed the task's type by hand: then this queue's runners have no code for it.
 */
const waitsSql = (entryId: string) =>
  `task.entry_id = ${entryId} AND task.status = '${transitions.claim.from[0]}' AND ${queueSql('task')} = $2`;

// One statement, so that all of it happens or nothing: no entry is gone whose task has not begun. The
// worker's row is locked first, so that giving the worker up comes either before or after the claim. An entry
// or a task that somebody else has locked is skipped: it is being claimed, cancelled or repaired, and a claim
// that waited for tasks while it holds entries would deadlock with a cancel. Entries are found by pg-boss's
// fetch index, in its order; each task by its primary key (LATERAL): for a plain join the planner may read
// the whole queue instead.
const claimSql = `
  WITH me AS MATERIALIZED (
    SELECT id FROM ${tables.worker} WHERE id = $1 AND lost_at IS NULL FOR SHARE
  ), due AS MATERIALIZED (
    SELECT entry.*
    FROM me
    CROSS JOIN LATERAL (
      SELECT id, ${entryTaskSql('job')} AS task_id FROM ${bossTables.job} AS job
      -- The condition on me makes the worker's lock come first, whatever the plan.
      WHERE me.id IS NOT NULL AND name = $2 AND ${waitsInQueueSql} AND start_after <= now()
      ORDER BY priority DESC, created_on
      LIMIT $3
      FOR UPDATE SKIP LOCKED
    ) AS entry
  ), wanted AS MATERIALIZED (
    SELECT task.id, entry.id AS entry_id
    FROM (SELECT * FROM due ORDER BY task_id) AS entry
    CROSS JOIN LATERAL (
      SELECT id FROM ${tables.taskState} AS task
      WHERE task.id = entry.task_id AND ${waitsSql('entry.id')}
      FOR NO KEY UPDATE SKIP LOCKED
    ) AS task
  ), settled AS (
    -- The entries of the claimed tasks, and the entries that no task waits for.
    DELETE FROM ${bossTables.job} AS job
    USING due
    WHERE job.name = $2 AND job.id = due.id
      AND (EXISTS (SELECT FROM wanted WHERE wanted.entry_id = due.id)
           OR NOT EXISTS (SELECT FROM ${tables.taskState} AS task
                          WHERE task.id = due.task_id AND ${waitsSql('due.id')}))
    RETURNING job.id
  ), claimed AS (
    UPDATE ${tables.taskState} AS task
    SET status = '${transitions.claim.to[0]}', attempt = attempt + 1, worker_id = $1, entry_id = NULL,
        started_at = now(), progressed_at = now(), next_attempt_at = NULL,
        -- The percentage of the saved work stays. The attempt's own counters begin anew, and raise the
        -- percentage once they pass it.
        percent_done = CASE WHEN ${hasCheckpointSql('task')} THEN percent_done ELSE 0 END,
        done = NULL, total = NULL, unit = NULL, rate_per_second = NULL, eta_seconds = NULL, message = NULL,
        version = version + 1, updated_at = now()
    FROM wanted
    WHERE task.id = wanted.id
    RETURNING task.*
  ), started AS (
    INSERT INTO ${tables.taskEvent} (task_id, attempt, kind) SELECT id, attempt, 'started' FROM claimed
  )
  SELECT seen.entries, seen.settled, claimed.id AS "taskId", type, attempt, failures,
         max_attempts AS "maxAttempts", input, checkpoint, checkpoint_no AS "checkpointNo",
         cancel_requested_at IS NOT NULL AS "cancelRequested"
  FROM (SELECT (SELECT count(*) FROM due)::int AS entries, (SELECT count(*) FROM settled)::int AS settled) AS seen
  LEFT JOIN claimed ON TRUE`;

interface ClaimRow extends ClaimedAttempt {
  readonly entries: number;
  readonly settled: number;
}

/**
 * Begins attempts for up to `limit` tasks that are due in `queue`, and settles their entries. A worker that
 * was given up claims nothing.
 */
export async function claimTasks(
  store: Store,
  workerId: string,
  queue: string,
  limit: number,
): Promise<Claim> {
  const { rows } = await store.queue.claimPool.query<ClaimRow>({
    name: 'claim',
    text: claimSql,
    values: [workerId, queue, limit],
  });
  const { entries = 0, settled = 0 } = rows[0] ?? {};
  const attempts = rows
    .filter((row) => row.taskId !== null)
    .map(({ entries, settled, ...attempt }) => attempt);
  return { attempts, hasMore: entries === limit && settled > 0 };
}
