-- What must hold of tasks, their queue entries and their workers. Lists what violates it, one row each.
-- True whenever a parent has run for a lease and 7 s; while it has not, between a fetch and its claim and
-- between a worker's death and its discovery, the first two may show a task that is about to be put right.

SELECT 'a queued task has no entry that waits' AS violation, task.id AS task_id
FROM task_state AS task
LEFT JOIN pgboss.job ON job.id = task.entry_id AND job.name = CASE WHEN task.losses >= 2 THEN task.type || '.solo' ELSE task.type END AND job.state < 'active'
WHERE task.status = 'queued' AND task.report_token_hash IS NULL AND job.id IS NULL

UNION ALL
SELECT 'a running task has no worker, or a lost one', task.id
FROM task_state AS task
LEFT JOIN worker ON worker.id = task.worker_id AND worker.lost_at IS NULL
WHERE task.status = 'running' AND task.report_token_hash IS NULL AND worker.id IS NULL

UNION ALL
SELECT 'a running external task has no lease', id
FROM task_state
WHERE status = 'running' AND report_token_hash IS NOT NULL AND lease_expires_at IS NULL

UNION ALL
SELECT 'an entry waits for no queued task', (job.data ->> 'taskId')::uuid
FROM pgboss.job
LEFT JOIN task_state AS task ON task.entry_id = job.id AND job.name = CASE WHEN task.losses >= 2 THEN task.type || '.solo' ELSE task.type END AND task.status = 'queued'
-- pg-boss has queues of its own.
WHERE job.state < 'active' AND job.name NOT LIKE '\_\_pgboss\_\_%' AND task.id IS NULL

UNION ALL
SELECT 'an entry names another task than the one that names it', task.id
FROM task_state AS task
JOIN pgboss.job ON job.id = task.entry_id AND job.name = CASE WHEN task.losses >= 2 THEN task.type || '.solo' ELSE task.type END
WHERE job.data ->> 'taskId' IS DISTINCT FROM task.id::text

UNION ALL
SELECT 'a task waits for another time than its entry', task.id
FROM task_state AS task
JOIN pgboss.job ON job.id = task.entry_id AND job.name = CASE WHEN task.losses >= 2 THEN task.type || '.solo' ELSE task.type END AND job.state < 'active'
WHERE task.next_attempt_at IS NOT NULL AND job.start_after <> task.next_attempt_at

UNION ALL
SELECT 'a task that does not wait has an entry, or a time for its next try', id
FROM task_state
WHERE status <> 'queued' AND (entry_id IS NOT NULL OR next_attempt_at IS NOT NULL)

UNION ALL
SELECT 'a task that does not run has a worker', id
FROM task_state
WHERE status <> 'running' AND worker_id IS NOT NULL

UNION ALL
SELECT 'a finished task does not say when it finished, or until when it is kept', id
FROM task_state
WHERE status IN ('succeeded', 'failed', 'cancelled') AND (finished_at IS NULL OR expires_at IS NULL)

UNION ALL
SELECT 'an unfinished task says that it has finished', id
FROM task_state
WHERE status IN ('queued', 'running') AND (finished_at IS NOT NULL OR expires_at IS NOT NULL OR result IS NOT NULL)

UNION ALL
SELECT 'a success has no result, or an error', id
FROM task_state
WHERE status = 'succeeded' AND (result IS NULL OR error IS NOT NULL)

UNION ALL
SELECT 'a failure or a cancel has no error, or a result', id
FROM task_state
WHERE status IN ('failed', 'cancelled') AND (error IS NULL OR result IS NOT NULL)

UNION ALL
SELECT 'a cancelled task was never asked to stop', id
FROM task_state
WHERE status = 'cancelled' AND cancel_requested_at IS NULL

UNION ALL
SELECT 'a queued task was asked to stop', id
FROM task_state
WHERE status = 'queued' AND cancel_requested_at IS NOT NULL

UNION ALL
SELECT 'a task that has used up its tries goes on', id
FROM task_state
WHERE status IN ('queued', 'running') AND failures >= max_attempts

UNION ALL
SELECT 'more failures than attempts', id
FROM task_state
WHERE failures > attempt

UNION ALL
SELECT 'the history does not tell of each attempt once', task.id
FROM task_state AS task
WHERE task.report_token_hash IS NULL
  AND task.attempt <> (SELECT count(*) FROM task_event WHERE task_id = task.id AND kind = 'started')

UNION ALL
SELECT 'the history does not end with the end, or goes on after it', task.id
FROM task_state AS task
WHERE task.status IN ('succeeded', 'failed', 'cancelled')
  AND task.status::text IS DISTINCT FROM (
    SELECT kind FROM task_event WHERE task_id = task.id ORDER BY id DESC LIMIT 1);
