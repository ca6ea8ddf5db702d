/** Thousands of deadlines on one timer: held requests and quiet streams need no timer each. */
import { monotonicMs } from './monotonic.ts';

/** Deadlines are kept to this precision, never early. */
const resolutionMs = 200;

/** Something that is due once; `cancel` forgets it. */
export interface Deadline {
  cancel(): void;
}

export class Deadlines {
  /** What is due, by the turn of the timer in which it is. */
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

  /** Calls `due` after at least `ms` and at most a turn more. */
  after(ms: number, due: () => void): Deadline {
    const number = Math.max(turnOf(monotonicMs() + ms) + 1, this.lastTurn + 1);
    const turn = this.turns.get(number) ?? new Set();
    // A function of its own: the same one may be given twice.
    const entry = () => due();
    this.turns.set(number, turn.add(entry));
    return {
      cancel: () => {
        // Cancelled a second time it must not take others along that came into the same turn since.
        if (turn.delete(entry) && turn.size === 0) this.turns.delete(number);
      },
    };
  }

  private turn(): void {
    const current = turnOf(monotonicMs());
    // After a pause of the process there is more to walk than there can be deadlines: then they are looked through.
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
