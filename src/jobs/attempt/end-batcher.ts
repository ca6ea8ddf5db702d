/**
 * Writes the ends of attempts that are ready at the same time in one statement. An end that cannot be written
 * now, because somebody has locked its row or the database is away, is written later; the other ends do not
 * wait for it.
 */
import { isConnectionError, isPassingError } from '../../database/error-kinds.ts';

export interface EndBatcherOptions<End> {
  /**
   * Writes ends in one statement or transaction.
   * @returns the ends that cannot be written yet
   */
  write(ends: readonly End[]): Promise<readonly End[]>;
  /** Called for each failure after which the ends are tried again. */
  onTrouble(error: unknown): void;
  /** Called for an end that can never be written. */
  onUnwritable(end: End, error: unknown): Promise<void>;
}

interface Waiting<End> {
  readonly end: End;
  readonly resolve: () => void;
  /** How long to wait before the next try, if this one does not write the end. */
  delayMs: number;
}

const batchSize = 100;
const firstDelayMs = 50;
const longestDelayMs = 1_000;

export class EndBatcher<End> {
  private readonly options: EndBatcherOptions<End>;
  private waiting: Waiting<End>[] = [];
  private isWriting = false;

  constructor(options: EndBatcherOptions<End>) {
    this.options = options;
  }

  /** Resolves when the end is written, or when `onUnwritable` has dealt with an end that never can be. */
  add(end: End): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.enqueue([{ end, resolve, delayMs: firstDelayMs }]);
    return promise;
  }

  private enqueue(ends: readonly Waiting<End>[]): void {
    this.waiting.push(...ends);
    if (this.isWriting) return;
    this.isWriting = true;
    // Wait for the end of this turn of the event loop: attempts that return in the same turn share a
    // statement.
    setImmediate(() => void this.drain());
  }

  private async drain(): Promise<void> {
    while (this.waiting.length > 0) await this.writeTogether(this.waiting.splice(0, batchSize));
    this.isWriting = false;
  }

  private async writeTogether(batch: readonly Waiting<End>[]): Promise<void> {
    try {
      await this.write(batch);
    } catch (error) {
      if (isConnectionError(error)) return this.postpone(batch, error);
      // One of the ends made the statement fail: write each alone, to find out which.
      for (const waiting of batch) await this.writeAlone(waiting);
    }
  }

  private async writeAlone(waiting: Waiting<End>): Promise<void> {
    try {
      await this.write([waiting]);
    } catch (error) {
      if (isPassingError(error)) return this.postpone([waiting], error);
      // Do not wait: the end that is written instead passes through this same queue.
      void this.options.onUnwritable(waiting.end, error).then(waiting.resolve);
    }
  }

  private async write(batch: readonly Waiting<End>[]): Promise<void> {
    const left = new Set(await this.options.write(batch.map(({ end }) => end)));
    for (const { end, resolve } of batch) if (!left.has(end)) resolve();
    this.writeLater(batch.filter(({ end }) => left.has(end)));
  }

  private postpone(ends: readonly Waiting<End>[], error: unknown): void {
    this.options.onTrouble(error);
    this.writeLater(ends);
  }

  private writeLater(ends: readonly Waiting<End>[]): void {
    for (const waiting of ends) {
      setTimeout(() => this.enqueue([waiting]), waiting.delayMs);
      waiting.delayMs = Math.min(longestDelayMs, waiting.delayMs * 2);
    }
  }
}
