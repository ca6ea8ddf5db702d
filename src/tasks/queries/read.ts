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

/** The row of a task; null for an unknown id. */
export function readTask(store: Store, id: string): Promise<TaskState | null> {
  return store.db.prisma.taskState.findUnique({ where: { id } });
}

/** The history, oldest first; of a long one, only the newest 500 entries. */
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
  /** The lease is renewed outside the main loop, also while a job blocks the loop. */
  readonly leaseExpiresAt: Date;
}

/** When a worker was last heard from; null for a worker whose row is gone. */
export function readSignsOfLife(store: Store, workerId: string): Promise<SignsOfLife | null> {
  return store.db.prisma.worker.findUnique({
    where: { id: workerId },
    select: { heardAt: true, leaseExpiresAt: true },
  });
}
