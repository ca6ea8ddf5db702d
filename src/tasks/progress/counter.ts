/**
 * What one attempt reports, in memory. A job may call `progress()` for every row: a call costs
 * nanoseconds, never waits and never throws. The writer takes what has changed twice a second.
 */

import type { ProgressReport } from '../model/progress-report.ts';
import { cleanseAndCut } from '../model/text.ts';
import { RateEstimator } from './rate.ts';
import { TimeLeft } from './time-left.ts';

export const maxMessageLength = 500;
export const maxUnitLength = 40;
export const maxLogLineLength = 1000;
/** How many log lines are kept of one attempt. */
export const maxLogLines = 200;

/** 100 means succeeded, so a running task stops short of it. */
const highestRunningPercent = 99.9;
/** Above this, JSON clients lose a number's last digits, and nothing that is counted is so large. */
const highestCount = Number.MAX_SAFE_INTEGER;

export class ProgressCounter {
  private done = -1;
  private total = 0;
  private unit: string | null = null;
  private message: string | null = null;
  private percentDone = 0;
  private hasChanged = false;
  private log: string[] = [];
  private logged = 0;
  private lastRate: number | null = null;
  private lastSecondsLeft: number | null = null;
  private lastDone = 0;
  private progressedAtMs: number | undefined;
  private readonly rate = new RateEstimator();
  private readonly timeLeft: TimeLeft;

  /**
   * @param startedAtMs when the attempt started, in monotonic milliseconds; undefined where it goes on from a
   *   checkpoint, as what earlier attempts did must not count as its speed
   */
  constructor(startedAtMs?: number) {
    this.timeLeft = new TimeLeft(startedAtMs);
  }

  /**
   * Takes a report. A value that makes no sense is ignored, and the others count:
   * - `done` that is no number, not finite, negative, or lower than before: the last value stays;
   * - `total` that is no number, not finite, or not above 0: as if there were no total;
   * - `message` that is no string: the last one stays;
   * - `done` over `total`: both are shown, and the percentage stops at 99.9.
   */
  progress(done: number, total?: number, message?: string): void {
    // NaN fails each comparison.
    if (typeof done === 'number' && done > this.done && done >= 0 && done <= highestCount) {
      this.done = done;
      this.hasChanged = true;
    }
    if (total !== undefined && total !== this.total) this.setTotal(total);
    if (message !== undefined && message !== this.message && typeof message === 'string') {
      this.message = message;
      this.hasChanged = true;
    }
  }

  setUnit(unit: string): void {
    if (typeof unit !== 'string') return;
    this.unit = unit;
    this.hasChanged = true;
  }

  addLogLine(text: unknown): void {
    this.logged += 1;
    if (this.logged > maxLogLines + 1) return;
    const line =
      this.logged <= maxLogLines
        ? cleanseAndCut(asText(text), maxLogLineLength)
        : `Only the first ${maxLogLines} lines are kept`;
    this.log.push(line);
    this.hasChanged = true;
  }

  get isDirty(): boolean {
    return this.hasChanged;
  }

  get hasLog(): boolean {
    return this.log.length > 0;
  }

  /**
   * Returns what has been reported until now. The counter is clean afterwards; `putBack` makes it dirty again
   * where the report could not be written.
   * @param atMs monotonic time
   */
  take(atMs: number): ProgressReport {
    const hasDone = this.done >= 0;
    const hasTotal = this.total > 0;
    if (hasDone) this.notePercent(atMs);
    if (hasDone && this.hasChanged) {
      this.lastRate = this.rate.sample(this.done, atMs);
      this.lastSecondsLeft = this.timeLeft.sample(this.done, this.total, atMs);
    }
    const report = {
      percentDone: this.percentDone,
      done: hasDone ? this.done : null,
      total: hasTotal ? this.total : null,
      unit: cut(this.unit, maxUnitLength),
      ratePerSecond: this.lastRate,
      etaSeconds: this.lastSecondsLeft,
      progressedMsAgo: this.progressedAtMs === undefined ? null : atMs - this.progressedAtMs,
      message: cut(this.message, maxMessageLength),
      log: this.log,
    };
    this.hasChanged = false;
    this.log = [];
    return report;
  }

  /** Takes back a report that was not written. Its log lines go to the front; its values are still here. */
  putBack(report: ProgressReport): void {
    this.hasChanged = true;
    this.log = [...report.log, ...this.log];
  }

  private notePercent(atMs: number): void {
    const share = this.total > 0 ? (this.done / this.total) * 100 : 0;
    const percent = Math.min(highestRunningPercent, share);
    if (this.done > this.lastDone || percent > this.percentDone) this.progressedAtMs = atMs;
    this.lastDone = this.done;
    // The percentage never falls within an attempt, not even when the total grows.
    this.percentDone = Math.max(this.percentDone, percent);
  }

  private setTotal(total: number): void {
    const next = typeof total === 'number' && total > 0 && total <= highestCount ? total : 0;
    if (next === this.total) return;
    this.total = next;
    this.hasChanged = true;
  }
}

/** Cleanses and cuts a text when it is written, not at each report: a job may report a megabyte each time. */
function cut(text: string | null, maxLength: number): string | null {
  return text === null ? null : cleanseAndCut(text, maxLength);
}

function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    // A value whose conversion throws has no text; the job must not fail because of it.
    return '';
  }
}
