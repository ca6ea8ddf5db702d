/** The clients that wait for news: limits their number, and releases all when the process stops. */
import type { IncomingMessage } from 'node:http';

import { HttpProblem } from '../http/problems.ts';

import type { ClientOf } from './clients.ts';

/** Why a wait has ended. `left`: the client has left. `stopping`: the process is about to stop. */
export type WaitEnd = 'news' | 'time' | 'left' | 'stopping';

const retryAfterSeconds = 5;
/** How long a new client is held while the process stops, so that it does not ask again at once. */
const lastWaitMs = 1_000;

export class Watchers {
  /** A stream without news sends a comment this often: proxies and load balancers close silent ones. */
  readonly beatMs: number;
  private readonly max: number;
  private readonly clientOf: ClientOf;
  /** How many places each client takes. */
  private readonly places = new Map<string, number>();
  private readonly releases = new Set<() => void>();
  private isStopping = false;

  constructor(options: { max: number; beatMs: number; clientOf: ClientOf }) {
    this.max = options.max;
    this.clientOf = options.clientOf;
    this.beatMs = options.beatMs;
  }

  /** How many clients wait. */
  get count(): number {
    return this.releases.size;
  }

  /**
   * Gives a client one more place if it takes fewer places than are free. So the first client that takes all
   * it can gets half of all places, the second a quarter, and so on.
   * @param release called when the process stops; where the process is already stopping, called after a
   *   second
   * @returns a function to call when the client has its answer or has left
   * @throws {HttpProblem} 503 when too many clients wait, or this client has too many places
   */
  enter(request: IncomingMessage, release: () => void): () => void {
    const client = this.clientOf(request);
    const places = this.places.get(client) ?? 0;
    const free = this.max - this.releases.size;
    if (free <= 0) throw tooMany('Too many clients are waiting.');
    if (places >= free) throw tooMany('Too many clients are waiting from your address.');
    this.places.set(client, places + 1);
    // A new function for each place, because a caller may pass the same `release` twice.
    const entry = () => release();
    this.releases.add(entry);
    const last = this.isStopping ? this.after(lastWaitMs, release) : undefined;
    return () => {
      last?.cancel();
      if (this.releases.delete(entry)) this.leave(client);
    };
  }

  private leave(client: string): void {
    const places = (this.places.get(client) ?? 0) - 1;
    if (places > 0) this.places.set(client, places);
    else this.places.delete(client);
  }

  /** Calls `due` once after `ms`, unless it is cancelled before. */
  after(ms: number, due: () => void): { cancel(): void } {
    const timer = setTimeout(due, ms);
    return { cancel: () => clearTimeout(timer) };
  }

  /** Releases all clients that wait. A client that comes from now on is released after a second. */
  releaseAll(): void {
    this.isStopping = true;
    for (const release of [...this.releases]) release();
  }
}

function tooMany(detail: string): HttpProblem {
  return new HttpProblem('too-many-watchers', `${detail} Poll without waiting.`, {
    headers: { 'retry-after': String(retryAfterSeconds) },
  });
}
