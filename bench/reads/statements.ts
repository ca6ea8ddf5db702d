/** What PostgreSQL has seen of those who read tasks. */
import type { Database } from '../../src/database/database.ts';

/** How many statements that read tasks have run so far: the snapshots' own, and the textbook's. */
export async function readStatements(db: Database): Promise<number> {
  const { rows } = await db.pool.query<{ calls: number }>(
    `SELECT coalesce(sum(calls), 0)::int AS calls
     FROM pg_stat_statements
     WHERE query ILIKE 'SELECT%' AND query LIKE '%task_state%'
       AND query NOT LIKE '%pg_stat_statements%' AND query NOT LIKE '%worker_id%worker.id%'`,
  );
  return rows[0]?.calls ?? 0;
}
