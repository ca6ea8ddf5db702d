/**
 * Adds thousands of healthy unfinished tasks, and finished queue entries: the rows that the reaper examines.
 */
import type pg from 'pg';

export interface UnfinishedTasks {
  /** Queued tasks, each with an entry that waits. */
  readonly queued: number;
  /** Running tasks, ten on each worker; the leases of the workers hold. */
  readonly running: number;
  /** Entries of tasks that are finished, which pg-boss has not deleted yet. */
  readonly finishedEntries: number;
}

/** Adds rows of the type `noop`, which have not changed for an hour. */
export async function addUnfinished(
  client: pg.Pool | pg.Client,
  { queued, running, finishedEntries }: UnfinishedTasks,
): Promise<void> {
  const task = 'id, type, title, input, input_digest, max_attempts, created_at, updated_at';
  const values = `gen_random_uuid(), 'noop', 'Number ' || number, '{}'::jsonb, 'x', 3, now() - interval '2 hours', now() - interval '1 hour'`;
  await client.query(
    `WITH task AS (
       INSERT INTO task_state (${task}, status, entry_id)
       SELECT ${values}, 'queued', gen_random_uuid() FROM generate_series(1, $1::int) AS number
       RETURNING id, entry_id
     )
     INSERT INTO pgboss.job (id, name, data, policy, created_on)
     SELECT entry_id, 'noop', jsonb_build_object('taskId', id), 'standard', now() - interval '1 hour' FROM task`,
    [queued],
  );
  await client.query(
    `WITH worker AS (
       INSERT INTO worker (id, host, pid, slots, lease_expires_at)
       SELECT gen_random_uuid(), 'test', number, 10, now() + interval '1 day'
       FROM generate_series(1, ceil($1::int / 10.0)::int) AS number
       RETURNING id, pid
     )
     INSERT INTO task_state (${task}, status, worker_id, attempt)
     SELECT ${values}, 'running', worker.id, 1
     FROM generate_series(1, $1::int) AS number JOIN worker ON worker.pid = ceil(number / 10.0)`,
    [running],
  );
  await client.query(
    `INSERT INTO pgboss.job (name, data, policy, state, created_on, started_on, completed_on)
     SELECT 'noop', jsonb_build_object('taskId', gen_random_uuid()), 'standard', 'completed', now() - interval '1 minute',
            now() - interval '1 minute', now()
     FROM generate_series(1, $1::int)`,
    [finishedEntries],
  );
}
