/**
 * What a process says of an outage: a line when it begins, one every 10 s while it lasts, and one at its end.
 * Everything that asks the database meets it many times a second, and says nothing itself.
 */
import type { Logger } from 'pino';
import { codeOf, messageOf } from '../database/error-text.ts';
import { isPassingError } from '../database/errors.ts';
import { monotonicMs } from '../scheduling/monotonic.ts';
import { seldom } from './seldom.ts';

/** Also where it comes and goes. After its end as well: what was asked before it may still be given up. */
const repeatMs = 10_000;

export class OutageLog {
  private readonly log: Pick<Logger, 'info' | 'warn'>;
  private sinceMs: number | undefined;
  private isTold = false;
  private quietUntilMs = Number.NEGATIVE_INFINITY;

  constructor(log: Pick<Logger, 'info' | 'warn'>) {
    this.log = log;
  }

  /** The database did not do what it was asked for. */
  trouble(error: unknown): void {
    const nowMs = monotonicMs();
    this.sinceMs ??= nowMs;
    if (nowMs < this.quietUntilMs) return;
    this.quietUntilMs = nowMs + repeatMs;
    const reason = { code: codeOf(error), reason: messageOf(error) };
    if (this.isTold)
      this.log.warn({ ...reason, awaySeconds: seconds(nowMs - this.sinceMs) }, 'PostgreSQL is still away');
    else this.log.warn(reason, 'PostgreSQL is away: what needs it waits');
    this.isTold = true;
  }

  /** It did. */
  contact(): void {
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

/** What pg-boss, at work by itself, has trouble with, but for an outage. */
export function queueTrouble(log: Pick<Logger, 'warn'>): (error: Error) => void {
  const warn = seldom((error: Error) => log.warn({ err: error }, 'the queue has trouble with PostgreSQL'));
  return (error) => isPassingError(error) || warn(error);
}

/** To a tenth. */
function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
