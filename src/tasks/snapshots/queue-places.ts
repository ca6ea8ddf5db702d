/** Where a queued task stands: from one look at each queue, for all who ask. */
import { monotonicMs } from '../../monotonic.ts';
import { placeLimit, readQueueTimes } from '../read.ts';
import type { Store } from '../store.ts';
import { Memo } from './memo.ts';

/** One look at the queue of a type. */
export interface QueueLook {
  /** When its tasks were created, in ms since 1970, oldest first, at most `placeLimit` of them. */
  readonly times: readonly number[];
  readonly atMs: number;
  /** How many of the tasks of the look before have left since, a second; undefined for the first look. */
  readonly leavingPerSecond: number | undefined;
}

const looksAgeMs = 1_000;
const maxTypes = 200;
/** So old, a look still says how deep a queue is. */
const estimateAgeMs = 5_000;
/** Two looks that are further apart than this say nothing about a rate. */
const longestGapMs = 60_000;

export class QueuePlaces {
  private readonly store: Store;
  private readonly looks = new Memo<QueueLook>({ maxAgeMs: looksAgeMs, maxEntries: maxTypes });
  private readonly latest = new Map<string, QueueLook>();

  constructor(store: Store) {
    this.store = store;
  }

  /**
   * From 1: how many tasks of the type are taken before this one, itself included. Null when it is far
   * back. No older than a second.
   */
  async placeOf(type: string, createdAt: Date): Promise<number | null> {
    return placeIn(await this.look(type), createdAt.getTime());
  }

  /** How long it may take until the task is taken, in seconds; undefined until its queue was looked at. Never waits. */
  secondsToStart(type: string, createdAt: Date): number | undefined {
    const look = this.latest.get(type);
    if (look === undefined || monotonicMs() - look.atMs > estimateAgeMs) {
      // For the next one who asks; without a look there is no estimate, and no harm.
      this.look(type).catch(() => undefined);
    }
    return look && secondsToStart(look, createdAt.getTime());
  }

  private look(type: string): Promise<QueueLook> {
    return this.looks.get(type, async () => {
      const times = await readQueueTimes(this.store, type);
      const look = compareLooks(this.latest.get(type), times, monotonicMs());
      this.remember(type, look);
      return look;
    });
  }

  private remember(type: string, look: QueueLook): void {
    this.latest.delete(type);
    this.latest.set(type, look);
    const [oldest] = this.latest.keys();
    if (oldest !== undefined && this.latest.size > maxTypes) this.latest.delete(oldest);
  }
}

/** The look that `times` make, after the one before. */
export function compareLooks(
  before: QueueLook | undefined,
  times: readonly number[],
  atMs: number,
): QueueLook {
  const elapsedMs = before ? atMs - before.atMs : Number.POSITIVE_INFINITY;
  if (!before || elapsedMs > longestGapMs || elapsedMs <= 0)
    return { times, atMs, leavingPerSecond: undefined };
  const still = new Set(times);
  const left = before.times.filter((ms) => !still.has(ms)).length;
  return { times, atMs, leavingPerSecond: left / (elapsedMs / 1000) };
}

/** The place of a task that was created at `createdMs`; null past the end of what was read. */
export function placeIn({ times }: Pick<QueueLook, 'times'>, createdMs: number): number | null {
  const next = times.findIndex((ms) => ms >= createdMs);
  if (next !== -1) return next + 1;
  // Newer than the look.
  return times.length < placeLimit ? times.length + 1 : null;
}

/** What a queue is taken to move at until it has been seen to move: tasks a second. */
const guessedPerSecond = 5;

export function secondsToStart(look: QueueLook, createdMs: number): number {
  const place = placeIn(look, createdMs) ?? placeLimit;
  return place / (look.leavingPerSecond || guessedPerSecond);
}
