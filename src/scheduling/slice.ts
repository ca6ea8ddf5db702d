/** Work that may take long, in slices: between two of them others have a turn of the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises';

export class Slice {
  private readonly ms: number;
  private untilMs: number;

  /** @param ms how long others may be kept waiting */
  constructor(ms: number) {
    this.ms = ms;
    this.untilMs = performance.now() + ms;
  }

  get isOver(): boolean {
    return performance.now() >= this.untilMs;
  }

  /** Lets others have their turn, and begins the next slice. */
  async next(): Promise<void> {
    await nextTurn();
    this.untilMs = performance.now() + this.ms;
  }
}
