/** Cuts long work into slices: between two slices, other work has a turn of the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises';

export class Slice {
  private readonly ms: number;
  private untilMs: number;

  /** @param ms how long a slice may keep other work waiting */
  constructor(ms: number) {
    this.ms = ms;
    this.untilMs = performance.now() + ms;
  }

  get isOver(): boolean {
    return performance.now() >= this.untilMs;
  }

  /** Lets other work have its turn, and begins the next slice. */
  async next(): Promise<void> {
    await nextTurn();
    this.untilMs = performance.now() + this.ms;
  }
}
