/**
 * Thousands of deadlines on one timer, so that held requests and quiet streams need no timers of their own.
 */
import { monotonicMs } from './monotonic.ts';

/** A deadline comes late by this much at most, and never early. */
const resolutionMs = 200;

/** Something that is due once, unless it is cancelled before. */
export interface Deadline {
  cancel(): void;
}

export class Deadlines {
  /** The functions that are due, by the number of the timer's turn in which they are due. */
  private readonly turns = new Map<number, Set<() => void>>();
  private timer: NodeJS.Timeout | undefined;
  private lastTurn = turnOf(monotonicMs());

  start(): void {
    this.timer ??= setInterval(() => this.turn(), resolutionMs);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Calls `due` after at least `ms`, and at most one turn later. */
  after(ms: number, due: () => void): Deadline {
    const number = Math.max(turnOf(monotonicMs() + ms) + 1, this.lastTurn + 1);
    const turn = this.turns.get(number) ?? new Set();
    // Each deadline has a function of its own, because the same `due` may be given twice.
    const entry = () => due();
    this.turns.set(number, turn.add(entry));
    return {
      cancel: () => {
        // A second cancel must not remove deadlines that have come into the same turn since.
        if (turn.delete(entry) && turn.size === 0) this.turns.delete(number);
      },
    };
  }

  private turn(): void {
    const current = turnOf(monotonicMs());
    // After a long pause of the process more turns have passed than there are deadlines: then the deadlines
    // are looked through instead of the turns.
    const dueTurns =
      current - this.lastTurn > this.turns.size
        ? [...this.turns.keys()].filter((number) => number <= current).sort((a, b) => a - b)
        : Array.from({ length: current - this.lastTurn }, (_, index) => this.lastTurn + 1 + index);
    this.lastTurn = current;
    for (const number of dueTurns) {
      const turn = this.turns.get(number);
      if (!turn) continue;
      this.turns.delete(number);
      for (const due of turn) due();
    }
  }
}

function turnOf(ms: number): number {
  return Math.floor(ms / resolutionMs);
}
