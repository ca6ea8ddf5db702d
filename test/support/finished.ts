/** Adds thousands of finished tasks, as a service has them after a month of work. */
import type pg from 'pg';

export interface FinishedTasks {
  readonly count: number;
  /** Default `succeeded`. */
  readonly status?: 'succeeded' | 'failed' | 'cancelled';
  /** Default `noop`. */
  readonly type?: string;
  readonly group?: string;
  /** Default 40. */
  readonly finishedDaysAgo?: number;
  /** Negative: the tasks have expired. Default -10. */
  readonly expireInDays?: number;
}

/** Adds tasks with their history, in one statement; the invariants hold for them. Returns their ids. */
export async function addFinished(
  client: pg.Pool | pg.Client,
  {
    count,
    status = 'succeeded',
    type = 'noop',
    group,
    finishedDaysAgo = 40,
    expireInDays = -10,
  }: FinishedTasks,
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `WITH task AS (
       INSERT INTO task_state (id, type, group_label, title, status, input, input_digest, percent_done, attempt, failures,
                               max_attempts, result, error, cancel_requested_at, created_at, started_at, finished_at, expires_at)
       SELECT gen_random_uuid(), $2, $4, 'Number ' || number, $3::text::task_status, '{}', 'x',
              CASE WHEN $3::text = 'succeeded' THEN 100 ELSE 50 END, 1, CASE WHEN $3::text = 'failed' THEN 1 ELSE 0 END, 1,
              CASE WHEN $3::text = 'succeeded' THEN '{"a": 1}'::jsonb END,
              CASE WHEN $3::text <> 'succeeded' THEN '{"code": "x", "message": "It did not work"}'::jsonb END,
              CASE WHEN $3::text = 'cancelled' THEN ended END,
              ended - interval '2 minutes', ended - interval '1 minute', ended, now() + make_interval(secs => 86400 * $6::float8)
       FROM generate_series(1, $1::int) AS number
       CROSS JOIN LATERAL (SELECT now() - make_interval(secs => 86400 * $5::float8 + number * 0.01) AS ended) AS time
       RETURNING id
     ), told AS (
       INSERT INTO task_event (task_id, attempt, kind)
       SELECT id, place, kind
       FROM task CROSS JOIN unnest(ARRAY['submitted', 'started', $3::text]) WITH ORDINALITY AS event (kind, place)
       ORDER BY id, place
     )
     SELECT id FROM task`,
    [count, type, status, group ?? null, finishedDaysAgo, expireInDays],
  );
  return rows.map((row) => row.id);
}
