/** Creates the tasks that attacks ask for, and one task that others poll. */
import type pg from 'pg';
import { newId } from '../../../src/tasks/model/ids.ts';
import type { AttackName } from './attacks.ts';

export interface FloodTasks {
  readonly polled: string;
  /** Tasks with results of about 15 kB. */
  readonly results: readonly string[];
  /** Tasks with 200 long lines of log and a result of 10,000 fields each. */
  readonly pages: readonly string[];
}

/** The ids that an attack asks for. */
export function idsFor(attack: AttackName, { results, pages }: FloodTasks): readonly string[] {
  return attack.includes('page') ? pages : results;
}

export async function createFloodTasks(pool: pg.Pool): Promise<FloodTasks> {
  const polled = newId();
  await pool.query(
    `INSERT INTO task_state (id, type, title, input, input_digest, max_attempts, entry_id)
     VALUES ($1, 'noop', 'Polled', '{}', '', 3, gen_random_uuid())`,
    [polled],
  );
  const results = await createSucceeded(pool, 300, `jsonb_build_object('text', repeat('x', 15000))`);
  const pages = await createSucceeded(
    pool,
    100,
    `(SELECT jsonb_object_agg('field ' || field, repeat('y', 30)) FROM generate_series(1, 10000) AS field)`,
  );
  await pool.query(
    `INSERT INTO task_event (task_id, attempt, kind, detail)
     SELECT task.id, 1, 'log', jsonb_build_object('text', repeat('<log line & "so" on> ', 45))
     FROM unnest($1::uuid[]) AS task (id) CROSS JOIN generate_series(1, 200)`,
    [pages],
  );
  return { polled, results, pages };
}

async function createSucceeded(pool: pg.Pool, count: number, result: string): Promise<string[]> {
  const ids = Array.from({ length: count }, newId);
  await pool.query(
    `INSERT INTO task_state (id, type, title, input, input_digest, max_attempts, status, attempt, percent_done,
                             started_at, finished_at, expires_at, result)
     SELECT id, 'noop', 'Attacked', '{}', '', 3, 'succeeded', 1, 100, now(), now(), now() + interval '1 day', ${result}
     FROM unnest($1::uuid[]) AS task (id)`,
    [ids],
  );
  return ids;
}
