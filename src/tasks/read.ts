/** Reading tasks: one row, its history, and what the page says beyond the row. */
import type { TaskState } from '../generated/prisma/client.ts';
import type { Store } from './store.ts';

export interface HistoryEntry {
  readonly at: Date;
  readonly attempt: number;
  /** submitted, started, retrying, handed_back, worker_lost, cancel_requested, cancelled, succeeded, failed, retried, requeued, entry_settled, log. */
  readonly kind: string;
  readonly detail: unknown;
}

const historyLimit = 500;
/** How far back in a queue places are told. */
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

/** Newest first. */
export function listRecentTasks(store: Store, limit: number): Promise<TaskState[]> {
  return store.db.prisma.taskState.findMany({
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: limit,
  });
}

/** When a worker's main loop last turned; null for one that is not known any more. */
export async function readHeardAt(store: Store, workerId: string): Promise<Date | null> {
  const worker = await store.db.prisma.worker.findUnique({
    where: { id: workerId },
    select: { heardAt: true },
  });
  return worker?.heardAt ?? null;
}

/** When the first queued tasks of a type were created, at most `placeLimit`, in ms since 1970, oldest first. */
export async function readQueueTimes(store: Store, type: string): Promise<number[]> {
  const queued = await store.db.prisma.taskState.findMany({
    where: { type, status: 'queued' },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    take: placeLimit,
    select: { createdAt: true },
  });
  return queued.map((task) => task.createdAt.getTime());
}
