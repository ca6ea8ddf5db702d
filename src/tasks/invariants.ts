/**
 * The invariants: what must be true of tasks, their queue entries, workers and files, whatever has happened.
 * Two statements list the violations, one row each: the violation in words, and the id of the task, entry,
 * worker or file.
 *
 * The invariants hold once a parent has run for a lease and 7 s. The session's setting
 * `headway.grace_seconds` (0 where it is not set) says how long a violation must have lasted before it is
 * listed: on a living system there may always be an entry that was fetched a moment ago and is being claimed,
 * or a worker that has just died.
 */
import { tables } from '../database/names.ts';
import { liveEntriesSql } from './queue/boss.ts';
import { queueSql } from './queue/names.ts';

export interface Invariants {
  /**
   * Lists violations among unfinished tasks, workers, and files without a task. It reads by index, so its
   * cost does not grow with the number of finished tasks.
   */
  readonly unfinished: string;
  /** Lists all other violations; reads the finished tasks and their history once. */
  readonly finished: string;
}

const unfinishedSql = `
WITH asked AS MATERIALIZED (
  -- One second is added, because stored times are rounded to a millisecond and may lie just after now().
  SELECT now() + interval '1 second' - make_interval(
    secs => coalesce(nullif(current_setting('headway.grace_seconds', TRUE), ''), '0')::float8) AS judged_before
), task AS MATERIALIZED (
  SELECT id, status, report_token_hash IS NOT NULL AS is_external, entry_id, worker_id, updated_at,
         ${queueSql('task_state')} AS queue,
         next_attempt_at, lease_expires_at, cancel_requested_at, attempt, failures, max_attempts,
         finished_at IS NOT NULL OR expires_at IS NOT NULL OR result IS NOT NULL AS says_finished
  FROM ${tables.taskState}
  WHERE status IN ('queued', 'running')
), entry AS MATERIALIZED (${liveEntriesSql}
), pair AS MATERIALIZED (
  -- Pairs that will wake a runner: task and entry name each other, and the entry is not held back for longer
  -- than its task waits.
  SELECT task.id AS task_id, task.next_attempt_at, entry.id AS entry_id, entry.state, entry.start_after, entry.since
  FROM task JOIN entry ON entry.id = task.entry_id AND entry.name = task.queue
  WHERE task.status = 'queued' AND entry.task_id = task.id::text AND NOT entry.blocked
    AND entry.start_after <= greatest(task.next_attempt_at, now() + interval '1 second')
)
SELECT 'a queued task has no queue entry that a runner can take' AS violation, task.id AS subject
FROM asked, task LEFT JOIN pair ON pair.task_id = task.id
WHERE task.status = 'queued' AND NOT task.is_external AND task.updated_at < judged_before
  AND (pair.entry_id IS NULL OR (pair.state = 'active' AND pair.since < judged_before))

UNION ALL
SELECT 'a queue entry belongs to no queued task', entry.id
FROM asked, entry LEFT JOIN pair ON pair.entry_id = entry.id
WHERE entry.state <> 'active' AND pair.task_id IS NULL AND entry.since < judged_before

UNION ALL
SELECT 'a task and its queue entry are due at different times', task_id
FROM pair
WHERE state <> 'active' AND next_attempt_at IS NOT NULL AND start_after <> next_attempt_at

UNION ALL
SELECT 'a running task has no worker, or its worker was given up', task.id
FROM asked, task LEFT JOIN ${tables.worker} ON worker.id = task.worker_id
WHERE task.status = 'running' AND NOT task.is_external
  AND CASE WHEN worker.id IS NULL THEN task.updated_at < judged_before ELSE worker.lost_at < judged_before END

UNION ALL
SELECT 'the lease of a worker has lapsed, and nobody has given the worker up', id
FROM ${tables.worker}
-- After an outage, the reaper gives workers 7 s to renew their leases.
WHERE lost_at IS NULL AND lease_expires_at < now() - interval '10 seconds'

UNION ALL
SELECT violation, task.id
FROM task
CROSS JOIN LATERAL (VALUES
  ('a running external task has no lease', status = 'running' AND is_external AND lease_expires_at IS NULL),
  ('a task that is not queued has a queue entry, or a time for its next try',
    status = 'running' AND (entry_id IS NOT NULL OR next_attempt_at IS NOT NULL)),
  ('a task that is not running has a worker', status = 'queued' AND worker_id IS NOT NULL),
  ('an unfinished task has a result, an end time or an expiry time', says_finished),
  ('a queued task has a request to cancel it', status = 'queued' AND cancel_requested_at IS NOT NULL),
  ('a task has used up its tries, but has not failed', failures >= max_attempts),
  ('a task has more failures than attempts', failures > attempt),
  ('the history of a task does not show each attempt exactly once', NOT is_external
    AND attempt <> (SELECT count(*) FROM ${tables.taskEvent} WHERE task_id = task.id AND kind = 'started'))
) AS rule (violation, is_broken)
WHERE is_broken

UNION ALL
SELECT 'a file that belongs to no task was not deleted', id
FROM ${tables.file}
-- The sweep deletes uploads that nobody has touched for 10 minutes, and files of deleted tasks within a
-- minute.
WHERE task_id IS NULL AND touched_at < now() - interval '15 minutes'`;

const finishedSql = `
WITH RECURSIVE history AS MATERIALIZED (
  SELECT task_id, count(*) FILTER (WHERE kind = 'started') AS attempts, (array_agg(kind ORDER BY id))[count(*)] AS last_kind
  FROM ${tables.taskEvent}
  GROUP BY task_id
), chunked AS (
  -- The id of each file that has chunks. The primary key leads from one file to the next, past the other
  -- chunks of each.
  (SELECT file_id FROM ${tables.fileChunk} ORDER BY file_id LIMIT 1)
  UNION ALL
  SELECT (SELECT file_id FROM ${tables.fileChunk} WHERE file_id > chunked.file_id ORDER BY file_id LIMIT 1)
  FROM chunked
  WHERE chunked.file_id IS NOT NULL
)
SELECT violation, id AS subject
FROM (
  -- Only the first broken rule of each task: a row for each rule, as above, would take five times as long.
  SELECT id, CASE
    WHEN finished_at IS NULL OR expires_at IS NULL
      THEN 'a finished task has no end time, or no expiry time'
    WHEN status = 'cancelled' AND cancel_requested_at IS NULL
      THEN 'a cancelled task has no request to cancel it'
    WHEN status = 'succeeded' AND (result IS NULL OR error IS NOT NULL)
      THEN 'a succeeded task has no result, or has an error'
    WHEN status <> 'succeeded' AND (error IS NULL OR result IS NOT NULL)
      THEN 'a failed or cancelled task has no error, or has a result'
    WHEN entry_id IS NOT NULL OR next_attempt_at IS NOT NULL
      THEN 'a task that is not queued has a queue entry, or a time for its next try'
    WHEN worker_id IS NOT NULL
      THEN 'a task that is not running has a worker'
    WHEN failures > attempt
      THEN 'a task has more failures than attempts'
  END AS violation
  FROM ${tables.taskState}
  WHERE status IN ('succeeded', 'failed', 'cancelled')
) AS task
WHERE violation IS NOT NULL

UNION ALL
SELECT violation, id
FROM (
  SELECT id, CASE
    WHEN report_token_hash IS NULL AND attempt <> coalesce(attempts, 0)
      THEN 'the history of a task does not show each attempt exactly once'
    WHEN last_kind IS DISTINCT FROM status::text
      THEN 'the last event in the history of a finished task is not its end'
  END AS violation
  FROM ${tables.taskState} LEFT JOIN history ON task_id = id
  WHERE status IN ('succeeded', 'failed', 'cancelled')
) AS task
WHERE violation IS NOT NULL

UNION ALL
SELECT 'a task is gone, but its history is not', task_id
FROM history
WHERE NOT EXISTS (SELECT FROM ${tables.taskState} WHERE id = task_id)

UNION ALL
SELECT 'a file belongs to a task that is gone', id
FROM ${tables.file}
WHERE task_id IS NOT NULL AND NOT EXISTS (SELECT FROM ${tables.taskState} WHERE id = file.task_id)

UNION ALL
SELECT 'a file is gone, but its contents are not', file_id
FROM chunked
WHERE file_id IS NOT NULL AND NOT EXISTS (SELECT FROM ${tables.file} WHERE id = file_id)`;

/** The invariants of one job's own tables. */
export interface InvariantRules {
  /**
   * A SELECT that lists violations, in the same two columns as the statements here, among the job's finished
   * work.
   */
  readonly finished: string;
}

/**
 * The two statements. Each returns rows of `violation` (words) and `subject` (an id).
 * @param rules the invariants of jobs, which are added to the second statement
 */
export function invariantsWith(rules: readonly InvariantRules[] = []): Invariants {
  const ofJobs = rules.map((rule) => `UNION ALL SELECT violation, subject FROM (${rule.finished}) AS listed`);
  return { unfinished: unfinishedSql, finished: [finishedSql, ...ofJobs].join('\n') };
}
