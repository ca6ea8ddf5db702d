/** The first entries of a queue: what a task's place in it is told from. */
import type { Store } from '../store.ts';
import { bossTables, waitsInQueueSql } from './boss.ts';

/** How far back in a queue places are told: entries that wait for the time of their next try count there. */
export const placeLimit = 1_000;

export interface QueueHead {
  /** When the entries that are due were made, in ms since 1970, in the order in which they are served. */
  readonly times: readonly number[];
  /** There are no others. */
  readonly isWhole: boolean;
}

// In the order of pg-boss's own fetch, and by its index (name, priority DESC, created_on, start_after) alone:
// no more than the limit is read, however many wait. Entries that are not due stand among the others.
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
