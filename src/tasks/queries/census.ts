/** How many tasks are unfinished: for those who monitor the service as a whole. */

import { limited } from '../../database/client.ts';
import type { Database } from '../../database/database.ts';
import { tables } from '../../database/names.ts';

export interface Census {
  readonly queued: number;
  readonly running: number;
  /** For how long the queued task that has waited longest has been ready to run; 0 where no task waits. */
  readonly longestWaitSeconds: number;
}

/** Monitoring systems have a time limit of their own, mostly of 10 s; the answer must come well before. */
const limitMs = 2_000;

// By the index on (status, created_at, id): finished tasks are not read. A queued row was last updated when
// it was queued.
const censusSql = `
  SELECT (count(*) FILTER (WHERE status = 'queued'))::int AS queued,
         (count(*) FILTER (WHERE status = 'running'))::int AS running,
         greatest(0, extract(epoch FROM now() - min(greatest(updated_at, next_attempt_at))
           FILTER (WHERE status = 'queued')))::float8 AS "longestWaitSeconds"
  FROM ${tables.taskState}
  WHERE status IN ('queued', 'running')`;

/** Rejects where the database does not answer within 2 s. */
export async function countUnfinished({ pool }: Database): Promise<Census> {
  const { rows } = await pool.query<Census>(limited(censusSql, limitMs));
  const [census] = rows;
  if (!census) throw new Error('the census returned nothing');
  return census;
}
