/** Counts the statements with which tasks are read. */
import type { Database } from '../../src/database/database.ts';

/** How many statements of each kind have run so far. */
export interface Reads {
  /** Reads of the refresh set, one per tick. */
  readonly refreshes: number;
  /** Reads of tasks that were not in memory. */
  readonly firstReads: number;
  /** Reads of single rows by Prisma. */
  readonly single: number;
}

export async function countReads(db: Database): Promise<Reads> {
  const { rows } = await db.pool.query<Reads>(
    `SELECT coalesce(sum(calls) FILTER (WHERE query LIKE '%AS known (id, version)%'), 0)::int AS refreshes,
            coalesce(sum(calls) FILTER (WHERE query LIKE '%AS wanted (id, place)%'), 0)::int AS "firstReads",
            coalesce(sum(calls) FILTER (WHERE query LIKE '%FROM "public"."task_state"%'), 0)::int AS single
     FROM pg_stat_statements
     WHERE query NOT LIKE '%pg_stat_statements%'`,
  );
  return rows[0] ?? { refreshes: 0, firstReads: 0, single: 0 };
}
