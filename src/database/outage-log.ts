/**
 * What a process logs about an outage: a line when it begins, one every 10 s while it lasts, and one at its
 * end. The parts that use the database meet the outage many times a second, and log nothing about it
 * themselves.
 */
import type { Logger } from 'pino';
import { seldom } from '../logging/seldom.ts';
import { monotonicMs } from '../scheduling/monotonic.ts';
import { isPassingError } from './error-kinds.ts';
import { codeOf, messageOf } from './error-text.ts';

/**
 * Also limits the log when the connection flaps, and for 10 s after recovery, when statements sent before it
 * may still time out.
 */
const repeatMs = 10_000;

export class OutageLog {
  private readonly log: Pick<Logger, 'info' | 'warn'>;
  private sinceMs: number | undefined;
  private isTold = false;
  private quietUntilMs = Number.NEGATIVE_INFINITY;

  constructor(log: Pick<Logger, 'info' | 'warn'>) {
    this.log = log;
  }

  /** Notes that the database did not do what it was asked for. */
  trouble(error: unknown): void {
    const nowMs = monotonicMs();
    this.sinceMs ??= nowMs;
    if (nowMs < this.quietUntilMs) return;
    this.quietUntilMs = nowMs + repeatMs;
    const reason = { code: codeOf(error), reason: messageOf(error) };
    if (this.isTold)
      this.log.warn({ ...reason, awaySeconds: seconds(nowMs - this.sinceMs) }, 'PostgreSQL is still away');
    else this.log.warn(reason, 'PostgreSQL is away: work that needs it waits');
    this.isTold = true;
  }

  /** Notes that the database did what it was asked for. */
  answered(): void {
    if (this.sinceMs === undefined) return;
    if (this.isTold) {
      const nowMs = monotonicMs();
      this.log.info({ awaySeconds: seconds(nowMs - this.sinceMs) }, 'PostgreSQL is back');
      this.quietUntilMs = nowMs + repeatMs;
    }
    this.sinceMs = undefined;
    this.isTold = false;
  }
}

/** Logs the errors of pg-boss's own work in the background, except those of an outage. */
export function queueTrouble(log: Pick<Logger, 'warn'>): (error: Error) => void {
  const warn = seldom((error: Error) => log.warn({ err: error }, 'the queue has trouble with PostgreSQL'));
  return (error) => isPassingError(error) || warn(error);
}

/** Seconds, rounded to a tenth. */
function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
