/** A queued task's place in its queue: one look at the queue answers everybody who asks. */
import { monotonicMs } from '../../scheduling/monotonic.ts';
import type { TaskRow } from '../model/row.ts';
import { placeLimit, type QueueHead, readQueueHead } from '../queue/head.ts';
import { queueOf } from '../queue/names.ts';
import type { Store } from '../store.ts';
import { Memo } from './memo.ts';

/** A queued task; its `updatedAt` is when its entry was made. */
export type QueuedTask = Pick<TaskRow, 'type' | 'losses' | 'updatedAt'>;

/** One look at a queue. */
export interface QueueLook extends QueueHead {
  readonly atMs: number;
  /** How many entries a second have left the queue since the look before; undefined for the first look. */
  readonly leavingPerSecond: number | undefined;
}

const looksAgeMs = 1_000;
const maxQueues = 200;
/** Up to this age, a look still says how deep a queue is. */
const estimateAgeMs = 5_000;
/** Two looks that are further apart than this say nothing about a rate. */
const longestGapMs = 60_000;

export class QueuePlaces {
  private readonly store: Store;
  private readonly looks = new Memo<QueueLook>({ maxAgeMs: looksAgeMs, maxEntries: maxQueues });
  private readonly latest = new Map<string, QueueLook>();

  constructor(store: Store) {
    this.store = store;
  }

  /** The task's place in its queue: 1 is the next. Null beyond `placeLimit`. No older than a second. */
  async placeOf(task: QueuedTask): Promise<number | null> {
    return placeIn(await this.look(queueOf(task)), task.updatedAt.getTime());
  }

  /**
   * The estimated seconds until the task is taken; undefined until its queue was looked at. It never waits.
   */
  secondsToStart(task: QueuedTask): number | undefined {
    const queue = queueOf(task);
    const look = this.latest.get(queue);
    if (look === undefined || monotonicMs() - look.atMs > estimateAgeMs) {
      // This look is for the next caller. If it fails, there is no estimate, which does no harm.
      this.look(queue).catch(() => undefined);
    }
    return look && secondsToStart(look, task.updatedAt.getTime());
  }

  private look(queue: string): Promise<QueueLook> {
    return this.looks.get(queue, async () => {
      const head = await readQueueHead(this.store, queue);
      const look = compareLooks(this.latest.get(queue), head, monotonicMs());
      this.remember(queue, look);
      return look;
    });
  }

  private remember(queue: string, look: QueueLook): void {
    this.latest.delete(queue);
    this.latest.set(queue, look);
    const [oldest] = this.latest.keys();
    if (oldest !== undefined && this.latest.size > maxQueues) this.latest.delete(oldest);
  }
}

/** Makes a look of a queue's head and the look before. */
export function compareLooks(before: QueueLook | undefined, head: QueueHead, atMs: number): QueueLook {
  const elapsedMs = before ? atMs - before.atMs : Number.POSITIVE_INFINITY;
  if (!before || elapsedMs > longestGapMs || elapsedMs <= 0)
    return { ...head, atMs, leavingPerSecond: undefined };
  const still = new Set(head.times);
  const left = before.times.filter((ms) => !still.has(ms)).length;
  return { ...head, atMs, leavingPerSecond: left / (elapsedMs / 1000) };
}

/** The place of a task whose entry was made at `queuedMs`; null past the end of what was read. */
export function placeIn({ times, isWhole }: QueueHead, queuedMs: number): number | null {
  const next = times.findIndex((ms) => ms >= queuedMs);
  if (next !== -1) return next + 1;
  // The task was queued after the look.
  return isWhole ? times.length + 1 : null;
}

/** The speed that is assumed of a queue until it has been seen to move, in tasks a second. */
const guessedPerSecond = 5;

export function secondsToStart(look: QueueLook, queuedMs: number): number {
  const place = placeIn(look, queuedMs) ?? placeLimit;
  return place / (look.leavingPerSecond || guessedPerSecond);
}
