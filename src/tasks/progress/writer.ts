/**
 * One writer per runner: at most twice a second, while anything runs, it sends what its attempts reported
 * and learns which of them it still owns. A flush that fails is sent again with what came since; a
 * job never waits for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptRef } from '../life/end.ts';
import type { Store } from '../store.ts';
import type { ProgressCounter } from './counter.ts';
import { type FlushItem, flushProgress } from './flush.ts';

/**
 * The shortest time between two flushes that carry reports. A little over half a second makes at most two
 * statements a second.
 */
const flushIntervalMs = 510;
/** How often the writer asks which attempts are still owned while they report nothing. */
const askIntervalMs = 1_000;
/**
 * How often the writer looks whether a flush is due, which costs a look at a few flags. A report that comes
 * after a pause waits at most this long, and others may join it.
 */
const lookMs = 25;
/**
 * After how long a row that its own job has locked, to commit a checkpoint, is tried again; `lockedTries` is
 * the number of all tries. With hundreds of checkpoints a second, one flush in three meets such a lock:
 * without further tries the page stood still for 1.5 s.
 */
const lockedAgainMs = 20;
const lockedTries = 5;

/** A running attempt as the writer sees it. */
export interface ReportingAttempt extends AttemptRef {
  readonly counter: ProgressCounter;
  /** True once the attempt is being ended: a flush's answer about it may then be out of date. */
  readonly isEnding: boolean;
  /** Called when the attempt no longer owns its task. */
  onLost(): void;
  onCancelRequested(): void;
}

export interface ProgressWriterOptions {
  readonly store: Store;
  readonly workerId: string;
  /**
   * Called with tasks that run under this worker without its knowledge, because the answer to their claim was
   * lost.
   */
  onUnknown(rows: AttemptRef[]): void;
  onError(error: unknown): void;
}

export class ProgressWriter {
  private readonly options: ProgressWriterOptions;
  private readonly attempts = new Set<ReportingAttempt>();
  private timer: NodeJS.Timeout | undefined;
  /** The flush under way and the attempts whose log lines it carries. */
  private flushing:
    | { readonly carriesLogOf: Set<ReportingAttempt>; readonly done: Promise<void> }
    | undefined;
  private mustAsk = false;
  private lastFlushMs = Number.NEGATIVE_INFINITY;
  /** When the last flush that carried reports began. */
  private lastReportMs = Number.NEGATIVE_INFINITY;

  constructor(options: ProgressWriterOptions) {
    this.options = options;
  }

  /** From now on the attempt's reports are written. */
  add(attempt: ReportingAttempt): void {
    this.attempts.add(attempt);
    this.keepLooking();
  }

  /**
   * Stops writing for an attempt that is about to end; its last report goes with the end. Waits for a flush
   * that carries log lines of the attempt: if the flush fails, the lines are put back, and the end must write
   * them.
   */
  async release(attempt: ReportingAttempt): Promise<void> {
    this.attempts.delete(attempt);
    if (this.flushing?.carriesLogOf.has(attempt)) await this.flushing.done;
  }

  /** Asks soon which tasks run under this worker, even where the worker knows of none. */
  askSoon(): void {
    this.mustAsk = true;
    this.keepLooking();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private keepLooking(): void {
    this.timer ??= setInterval(() => {
      if (this.attempts.size === 0 && !this.mustAsk) this.stop();
      // One flush at a time: during an outage the reports wait in their counters.
      else if (!this.flushing && this.isDue()) this.startFlush();
    }, lookMs);
  }

  private isDue(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.lastFlushMs >= (this.mustAsk ? flushIntervalMs : askIntervalMs)) return true;
    if (nowMs - this.lastReportMs < flushIntervalMs) return false;
    return [...this.attempts].some((attempt) => attempt.counter.isDirty && !attempt.isEnding);
  }

  private startFlush(): void {
    const sent = [...this.attempts].filter((attempt) => !attempt.isEnding);
    const carriesLogOf = new Set(sent.filter((attempt) => attempt.counter.hasLog));
    const done = this.flushUntilWritten(sent).finally(() => {
      this.flushing = undefined;
    });
    this.flushing = { carriesLogOf, done };
  }

  private async flushUntilWritten(sent: readonly ReportingAttempt[]): Promise<void> {
    let locked = await this.flush(sent);
    for (let tries = 1; tries < lockedTries && locked.length > 0; tries += 1) {
      await sleep(lockedAgainMs);
      // Attempts that end meanwhile write their last report with their end.
      locked = await this.flush(locked.filter((attempt) => this.attempts.has(attempt) && !attempt.isEnding));
    }
  }

  /** @returns the attempts whose rows others have locked */
  private async flush(sent: readonly ReportingAttempt[]): Promise<readonly ReportingAttempt[]> {
    const atMs = performance.now();
    this.lastFlushMs = atMs;
    this.mustAsk = false;
    const items = sent.map((attempt) => ({ attempt, item: takeReport(attempt, atMs) }));
    if (items.some(({ item }) => item.report !== undefined)) this.lastReportMs = atMs;
    const unwritten = new Map(items.map(({ attempt, item }) => [attempt, item]));
    try {
      const answers = await flushProgress(
        this.options.store,
        this.options.workerId,
        items.map(({ item }) => item),
      );
      const byTask = new Map(sent.map((attempt) => [attempt.taskId, attempt]));
      for (const answer of answers) {
        const attempt = byTask.get(answer.taskId);
        if (!attempt) continue;
        if (answer.wasWritten) unwritten.delete(attempt);
        if (attempt.isEnding) continue;
        if (answer.kind === 'not_owned') attempt.onLost();
        else if (answer.cancelRequested) attempt.onCancelRequested();
      }
      const unknown = answers.filter((answer) => answer.kind === 'unknown');
      if (unknown.length > 0) this.options.onUnknown(unknown);
      return [...unwritten].filter(([, { report }]) => report !== undefined).map(([attempt]) => attempt);
    } catch (error) {
      this.mustAsk = true;
      this.options.onError(error);
      return [];
    } finally {
      for (const [attempt, { report }] of unwritten) if (report) attempt.counter.putBack(report);
    }
  }
}

function takeReport({ taskId, attempt, counter }: ReportingAttempt, atMs: number): FlushItem {
  return { taskId, attempt, report: counter.isDirty ? counter.take(atMs) : undefined };
}
