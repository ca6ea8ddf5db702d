/** The clients that wait: how many there may be, and how all of them are let go. */
import type { Deadline, Deadlines } from '../../scheduling/deadlines.ts';
import { HttpProblem } from '../http/problems.ts';

/** What the wait of a client has ended with. `stopping`: the process is about to. */
export type WaitEnd = 'news' | 'time' | 'left' | 'stopping';

const retryAfterSeconds = 5;
/** While the process stops, who comes is held for so long: clients that ask again at once ask once a second. */
const lastWaitMs = 1_000;

export class Watchers {
  /** After so long a silent stream says that it lives: proxies and load balancers close what is silent. */
  readonly beatMs: number;
  private readonly max: number;
  private readonly deadlines: Deadlines;
  private readonly releases = new Set<() => void>();
  private isStopping = false;

  constructor(options: { max: number; beatMs: number; deadlines: Deadlines }) {
    this.max = options.max;
    this.beatMs = options.beatMs;
    this.deadlines = options.deadlines;
  }

  /** How many clients wait. */
  get count(): number {
    return this.releases.size;
  }

  /**
   * Takes a client up.
   * @param release called when the process stops, a second later where it does already
   * @returns what to call when the client has its answer or has left
   * @throws {HttpProblem} 503 when too many wait already
   */
  enter(release: () => void): () => void {
    if (this.releases.size >= this.max) {
      throw new HttpProblem('too-many-watchers', 'Too many clients are waiting here. Poll without waiting.', {
        headers: { 'retry-after': String(retryAfterSeconds) },
      });
    }
    // A function of its own: the same one may be given twice.
    const entry = () => release();
    this.releases.add(entry);
    const last = this.isStopping ? this.after(lastWaitMs, release) : undefined;
    return () => {
      last?.cancel();
      this.releases.delete(entry);
    };
  }

  /** Calls `due` after `ms`, on the timer that all share. */
  after(ms: number, due: () => void): Deadline {
    return this.deadlines.after(ms, due);
  }

  /** Lets all go, and whoever comes from now on after a second. */
  releaseAll(): void {
    this.isStopping = true;
    for (const release of [...this.releases]) release();
  }
}
