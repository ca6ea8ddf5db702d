/** Reading tasks: one row, its history, and what the page says beyond the row. */
import type { TaskState } from '../../generated/prisma/client.ts';
import type { Store } from '../store.ts';

export interface HistoryEntry {
  readonly at: Date;
  readonly attempt: number;
  /** submitted, started, retrying, handed_back, worker_lost, cancel_requested, cancelled, succeeded, failed, retried, requeued, entry_settled, log. */
  readonly kind: string;
  readonly detail: unknown;
}

const historyLimit = 500;
/** How far back in a queue places are told: entries that wait for the time of their next try count there. */
export const placeLimit = 1_000;

export function readTask(store: Store, id: string): Promise<TaskState | null> {
  return store.db.prisma.taskState.findUnique({ where: { id } });
}

/** Oldest first; of a long history, its newest 500 entries. */
export async function readHistory(store: Store, id: string): Promise<HistoryEntry[]> {
  const events = await store.db.prisma.taskEvent.findMany({
    where: { taskId: id },
    orderBy: { id: 'desc' },
    take: historyLimit,
    select: { at: true, attempt: true, kind: true, detail: true },
  });
  return events.reverse();
}

export interface SignsOfLife {
  /** When the worker's main loop last turned. */
  readonly heardAt: Date;
  /** Renewed beside the main loop, also while a job blocks that. */
  readonly leaseExpiresAt: Date;
}

/** Null for a worker that is not known any more. */
export function readSignsOfLife(store: Store, workerId: string): Promise<SignsOfLife | null> {
  return store.db.prisma.worker.findUnique({
    where: { id: workerId },
    select: { heardAt: true, leaseExpiresAt: true },
  });
}

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
  FROM pgboss.job
  WHERE name = $1 AND state < 'active' AND NOT blocked
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
