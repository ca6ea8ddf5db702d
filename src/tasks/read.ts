/** Reading tasks: one row, its history, and what the page says beyond the row. */
import type { TaskState } from '../generated/prisma/client.ts';
import type { Store } from './store.ts';

export interface HistoryEntry {
  readonly at: Date;
  readonly attempt: number;
  /** submitted, started, retrying, handed_back, worker_lost, cancel_requested, cancelled, succeeded, failed, retried, requeued, log. */
  readonly kind: string;
  readonly detail: unknown;
}

export interface Waiting {
  /** From 1: how many tasks of the type are taken before this one, itself included. Null unless queued. */
  readonly place: number | null;
  /** When the runner's main loop last turned. Null unless running. */
  readonly heardAt: Date | null;
}

const historyLimit = 500;
const placeLimit = 1000;

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

/** What changes without a version: the place in the queue, and when the worker was last heard from. */
export async function readWaiting(store: Store, task: TaskState): Promise<Waiting> {
  if (task.status === 'running' && task.workerId) {
    const worker = await store.db.prisma.worker.findUnique({
      where: { id: task.workerId },
      select: { heardAt: true },
    });
    return { place: null, heardAt: worker?.heardAt ?? null };
  }
  if (task.status !== 'queued') return { place: null, heardAt: null };
  const ahead = await store.db.prisma.taskState.findMany({
    where: { type: task.type, status: 'queued', createdAt: { lt: task.createdAt } },
    take: placeLimit,
    select: { id: true },
  });
  return { place: ahead.length < placeLimit ? ahead.length + 1 : null, heardAt: null };
}
