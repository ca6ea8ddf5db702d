/** Makes the queue agree with the tasks again, a batch at a time and each queue by itself. */
import { isConnectionError } from '../../database/error-kinds.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import type { Store } from '../store.ts';
import { findMismatches, mismatchBatch } from './mismatches.ts';
import { requeue } from './stranded.ts';
import { settleStray } from './stray.ts';

export interface RepairedEntries {
  /** Ids of tasks that were given a new entry. */
  readonly requeued: string[];
  /** Ids of entries that no task waited for. */
  readonly settled: string[];
  /** Queues that could not be repaired, with the error. The other queues are repaired all the same. */
  readonly failed: Map<string, unknown>;
  /** Whether the time limit stopped the pass: there may be more to repair. */
  readonly isUnfinished: boolean;
}

/**
 * A pass stops after this time and leaves the rest to the next, so that lapsed workers are reaped in time.
 */
const limitMs = 1_000;

/**
 * One pass over all unfinished tasks and live entries.
 * @param leaseSeconds how long a mismatch must have lasted
 */
export async function repairEntries(store: Store, leaseSeconds: number): Promise<RepairedEntries> {
  const untilMs = monotonicMs() + limitMs;
  const requeued: string[] = [];
  const settled: string[] = [];
  const failed = new Map<string, unknown>();
  for (;;) {
    const found = await findMismatches(store, leaseSeconds, [...failed.keys()]);
    const repairedBefore = requeued.length + settled.length;
    const failedBefore = failed.size;
    for (const [queue, mismatches] of Map.groupBy(found, (mismatch) => mismatch.queue)) {
      const tasks = mismatches.filter((mismatch) => mismatch.taskId !== null);
      const entries = mismatches.filter((mismatch) => mismatch.taskId === null);
      try {
        if (tasks.length > 0) requeued.push(...(await requeue(store, queue, tasks)));
        if (entries.length > 0) settled.push(...(await settleStray(store, queue, entries)));
      } catch (error) {
        if (isConnectionError(error)) throw error;
        failed.set(queue, error);
      }
    }
    const isStuck = requeued.length + settled.length === repairedBefore && failed.size === failedBefore;
    const isLast = found.length < mismatchBatch || isStuck;
    if (isLast || monotonicMs() > untilMs) return { requeued, settled, failed, isUnfinished: !isLast };
  }
}
