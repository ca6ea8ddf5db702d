/** Running attempts of many types, and what the tally says of attempts. */
import type { AttemptRef } from '../../src/tasks/life/end.ts';
import type { Store } from '../../src/tasks/store.ts';
import { startWorker } from './tasks.ts';

export interface RunningOfType extends AttemptRef {
  readonly type: string;
}

/** First attempts that began a minute ago, `each` of every type, on one worker. */
export async function addRunning(
  store: Store,
  types: readonly string[],
  each: number,
): Promise<RunningOfType[]> {
  const workerId = await startWorker(store);
  const { rows } = await store.db.pool.query<RunningOfType>(
    `WITH task AS (
       INSERT INTO task_state (id, type, title, input, max_attempts, attempt, status, worker_id, started_at)
       SELECT gen_random_uuid(), type, 'A task', '{}', 3, 1, 'running', $1, now() - interval '1 minute'
       FROM unnest($2::text[]) AS type, generate_series(1, $3)
       RETURNING id, type
     ), told AS (
       INSERT INTO task_event (task_id, attempt, kind)
       SELECT id, attempt, kind FROM task, (VALUES (0, 'submitted'), (1, 'started')) AS event (attempt, kind)
     )
     SELECT id AS "taskId", type, 1 AS attempt FROM task`,
    [workerId, types, each],
  );
  return rows;
}

/** Adds whole successes to the tally, a row of the tally for each list of run times. */
export async function addTallied(
  { db }: Pick<Store, 'db'>,
  type: string,
  rows: readonly (readonly number[])[],
): Promise<void> {
  await db.pool.query(
    `INSERT INTO task_tally (at, type, outcome, is_whole, durations_ms)
     SELECT now(), $1, 'succeeded', TRUE, ARRAY(SELECT jsonb_array_elements(row)::float8::real)
     FROM jsonb_array_elements($2) AS row`,
    [type, JSON.stringify(rows)],
  );
}

/** How many attempts there are of each type and outcome (`noop succeeded`), folded or not. */
export async function counted({ db }: Pick<Store, 'db'>): Promise<Record<string, number>> {
  const { rows } = await db.pool.query<{ what: string; count: number }>(
    `SELECT type || ' ' || outcome AS what, sum(count)::int AS count
     FROM (SELECT type, outcome, cardinality(durations_ms) AS count FROM task_tally
           UNION ALL
           SELECT type, outcome, count FROM task_minute) AS part
     GROUP BY what ORDER BY what`,
  );
  return Object.fromEntries(rows.map(({ what, count }) => [what, count]));
}

/** How many rows of the tally nobody has folded. */
export async function unfolded({ db }: Pick<Store, 'db'>): Promise<number> {
  const { rows } = await db.pool.query<{ count: number }>('SELECT count(*)::int AS count FROM task_tally');
  return rows[0]?.count ?? 0;
}
