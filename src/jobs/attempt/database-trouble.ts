/**
 * When this runner last had trouble reaching the database. A connection error that a job throws soon after
 * such trouble is not the job's fault.
 */
import type { Logger } from 'pino';
import { isConnectionError, isPoolExhausted } from '../../database/error-kinds.ts';
import { OutageLog } from '../../database/outage-log.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';

export class DatabaseTrouble {
  private readonly outage: OutageLog | undefined;
  private lastTroubleMs = Number.NEGATIVE_INFINITY;

  /** @param log where the begin and the end of an outage are logged */
  constructor(log?: Pick<Logger, 'info' | 'warn'>) {
    this.outage = log && new OutageLog(log);
  }

  /** Notes the error if it is a connection error. */
  note(error: unknown): void {
    if (!isConnectionError(error) || isPoolExhausted(error)) return;
    this.noteNow();
    this.outage?.trouble(error);
  }

  noteNow(): void {
    this.lastTroubleMs = monotonicMs();
  }

  /** Notes that the database answered: the runner's lease was renewed. */
  noteAnswer(): void {
    this.outage?.answered();
  }

  wasWithin(ms: number): boolean {
    return monotonicMs() - this.lastTroubleMs <= ms;
  }
}
