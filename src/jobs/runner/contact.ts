/** When this runner last had trouble reaching the database: what a job throws then may not be its fault. */
import type { Logger } from 'pino';
import { isConnectionError, isPoolExhausted } from '../../database/errors.ts';
import { OutageLog } from '../../logging/outage-log.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';

export class DatabaseContact {
  private readonly outage: OutageLog | undefined;
  private lastTroubleMs = Number.NEGATIVE_INFINITY;

  /** @param log where it is said */
  constructor(log?: Pick<Logger, 'info' | 'warn'>) {
    this.outage = log && new OutageLog(log);
  }

  /** Notes an error where it is one of the connection. */
  note(error: unknown): void {
    if (!isConnectionError(error) || isPoolExhausted(error)) return;
    this.noteTrouble();
    this.outage?.trouble(error);
  }

  noteTrouble(): void {
    this.lastTroubleMs = monotonicMs();
  }

  /** Its lease was renewed. */
  noteContact(): void {
    this.outage?.contact();
  }

  hadTroubleWithin(ms: number): boolean {
    return monotonicMs() - this.lastTroubleMs <= ms;
  }
}
