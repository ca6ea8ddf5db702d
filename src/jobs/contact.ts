/** When this runner last had trouble reaching the database: what a job throws then may not be its fault. */
import { isConnectionError } from '../database/errors.ts';
import { monotonicMs } from '../monotonic.ts';

export class DatabaseContact {
  private lastTroubleMs = Number.NEGATIVE_INFINITY;

  /** Notes an error where it is one of the connection. */
  note(error: unknown): void {
    if (isConnectionError(error)) this.lastTroubleMs = monotonicMs();
  }

  noteTrouble(): void {
    this.lastTroubleMs = monotonicMs();
  }

  hadTroubleWithin(ms: number): boolean {
    return monotonicMs() - this.lastTroubleMs <= ms;
  }
}
