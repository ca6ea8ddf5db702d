/** The first entries of a queue, from which a task's place in the queue is computed. */
import type { Store } from '../store.ts';
import { bossTables, waitsInQueueSql } from './boss.ts';

/**
 * How many entries of a queue are read to find places. Entries that wait for the time of their next try are
 * among them.
 */
export const placeLimit = 1_000;

export interface QueueHead {
  /** When the due entries were created, in ms since 1970, in the order in which they are served. */
  readonly times: readonly number[];
  /** Whether these are all entries of the queue. */
  readonly isWhole: boolean;
}

// In the order of pg-boss's own fetch, and by its index (name, priority DESC, created_on, start_after) alone:
// no more than the limit is read, however many entries wait. Entries that are not due are mixed with the
// others.
const queueHeadSql = `
  SELECT (extract(epoch FROM created_on::timestamptz(3)) * 1000)::float8 AS ms, start_after <= now() AS "isDue"
  FROM ${bossTables.job}
  WHERE name = $1 AND ${waitsInQueueSql}
  ORDER BY priority DESC, created_on
  LIMIT ${placeLimit}`;

/** The first entries of a queue, at most `placeLimit`. */
export async function readQueueHead(store: Store, queue: string): Promise<QueueHead> {
  const { rows } = await store.db.pool.query<{ ms: number; isDue: boolean }>({
    name: 'queue-head',
    text: queueHeadSql,
    values: [queue],
  });
  return { times: rows.filter(({ isDue }) => isDue).map(({ ms }) => ms), isWhole: rows.length < placeLimit };
}
