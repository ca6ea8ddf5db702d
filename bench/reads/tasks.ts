/** Creates tasks to poll, and updates their progress as a runner does. */
import type pg from 'pg';
import { newId } from '../../src/tasks/model/ids.ts';

/** Creates rows that run under a worker with a long lease, so that no reaper takes them for lost. */
export async function createRunningTasks(pool: pg.Pool, count: number): Promise<string[]> {
  const workerId = newId();
  const ids = Array.from({ length: count }, newId);
  await pool.query(
    `INSERT INTO worker (id, host, pid, slots, lease_expires_at) VALUES ($1, 'bench', 1, 10, now() + interval '1 day')`,
    [workerId],
  );
  await pool.query(
    `INSERT INTO task_state (id, type, title, input, input_digest, max_attempts, status, attempt, worker_id, started_at,
                             percent_done, done, total, unit, rate_per_second, message)
     SELECT id, 'bench-noop', 'Import people.csv', '{}', '', 3, 'running', 1, $2, now(), 42.5, 42500, 100000, 'rows', 1250.5, 'Row 42,500'
     FROM unnest($1::uuid[]) AS task (id)`,
    [ids, workerId],
  );
  return ids;
}

/** Creates rows that wait. There are no runners to run them, and the reaper leaves rows this young alone. */
export async function createQueuedTasks(
  pool: pg.Pool,
  count: number,
  type = 'bench-noop',
): Promise<string[]> {
  const ids = Array.from({ length: count }, newId);
  await pool.query(
    `INSERT INTO task_state (id, type, title, input, input_digest, max_attempts, entry_id, created_at)
     SELECT id, $2, 'Import people.csv', '{}', '', 3, gen_random_uuid(), now() - make_interval(secs => place / 1000.0)
     FROM unnest($1::uuid[]) WITH ORDINALITY AS task (id, place)`,
    [ids, type],
  );
  return ids;
}

/**
 * Updates the progress of tasks twice a second until it is stopped, by one statement, as a runner's flush
 * does.
 */
export class Mover {
  private readonly timer: NodeJS.Timeout;
  private turn: Promise<unknown> = Promise.resolve();
  private number = 0;

  constructor(pool: pg.Pool, ids: readonly string[]) {
    this.timer = setInterval(() => {
      this.number += 1;
      this.turn = pool.query({
        name: 'bench-move',
        text: `UPDATE task_state SET percent_done = $2::float8, done = $2::float8 * 1000, message = $3, version = version + 1, updated_at = now()
               WHERE id = ANY ($1::uuid[])`,
        values: [ids, (this.number % 990) / 10, `Row ${this.number}`],
      });
    }, 500);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.turn;
  }
}
