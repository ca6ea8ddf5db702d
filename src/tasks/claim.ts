/** Claiming: how fetched entries become running attempts of a worker. */
import type pg from 'pg';
import { inPipeline } from '../database/pipeline.ts';
import type { FetchedEntry } from './queue.ts';
import { transitions } from './state-machine.ts';
import type { Store } from './store.ts';

/** An attempt as its runner knows it. */
export interface ClaimedAttempt {
  readonly taskId: string;
  readonly type: string;
  readonly attempt: number;
  /** Before this attempt. */
  readonly failures: number;
  readonly maxAttempts: number;
  readonly input: unknown;
  readonly checkpoint: unknown;
  readonly checkpointNo: number;
  readonly cancelRequested: boolean;
}

// The worker's row is locked first (a giving-up waits, or was first), then the tasks in id order, each by its
// primary key: as a join the planner may read the whole queue instead.
const claimSql = `
        WITH me AS MATERIALIZED (
          SELECT id FROM worker WHERE id = $1 AND lost_at IS NULL FOR SHARE
        ), wanted AS MATERIALIZED (
          SELECT task.id
          FROM (SELECT * FROM unnest($2::uuid[], $3::uuid[]) AS entry (task_id, id) ORDER BY task_id) AS entry
          CROSS JOIN me
          CROSS JOIN LATERAL (
            SELECT id FROM task_state AS task
            -- Naming the worker puts its lock first, whatever the plan.
            WHERE me.id IS NOT NULL
              AND task.id = entry.task_id AND task.entry_id = entry.id AND task.status = '${transitions.claim.from[0]}'
            FOR NO KEY UPDATE
          ) AS task
        ), claimed AS (
          UPDATE task_state AS task
          SET status = '${transitions.claim.to[0]}', attempt = attempt + 1, worker_id = $1, entry_id = NULL,
              started_at = now(), next_attempt_at = NULL,
              percent_done = 0, done = NULL, total = NULL, unit = NULL, rate_per_second = NULL, message = NULL,
              version = version + 1, updated_at = now()
          FROM wanted
          WHERE task.id = wanted.id
          RETURNING task.*
        ), started AS (
          INSERT INTO task_event (task_id, attempt, kind) SELECT id, attempt, 'started' FROM claimed
        )
        SELECT id AS "taskId", type, attempt, failures, max_attempts AS "maxAttempts", input, checkpoint,
               checkpoint_no AS "checkpointNo", cancel_requested_at IS NOT NULL AS "cancelRequested"
        FROM claimed`;

/**
 * Begins an attempt for each entry fetched from `queue` whose task still waits for it, and settles all of them.
 * A worker that was given up claims nothing. Killed between fetch and claim, the task is queued
 * beside an entry that waits no longer: the reaper gives it a new one.
 */
export async function claimTasks(
  store: Store,
  workerId: string,
  queue: string,
  entries: readonly FetchedEntry[],
): Promise<ClaimedAttempt[]> {
  const entryIds = entries.map((entry) => entry.id);
  const taskIds = entries.map((entry) => entry.taskId);
  const [{ rows }] = await inPipeline<[pg.QueryResult<ClaimedAttempt>, unknown]>(store.queue.claimPool, [
    (connection) =>
      connection.query({ name: 'claim', text: claimSql, values: [workerId, taskIds, entryIds] }),
    (connection) => store.queue.settle(queue, entryIds, connection),
  ]);
  return rows;
}
