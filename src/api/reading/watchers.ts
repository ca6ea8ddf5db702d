/** The clients that wait: how many there may be, and how all of them are let go. */
import type { IncomingMessage } from 'node:http';

import { HttpProblem } from '../http/problems.ts';

import type { ClientOf } from './clients.ts';

/** What the wait of a client has ended with. `stopping`: the process is about to. */
export type WaitEnd = 'news' | 'time' | 'left' | 'stopping';

const retryAfterSeconds = 5;
/** While the process stops, who comes is held for so long: clients that ask again at once ask once a second. */
const lastWaitMs = 1_000;

export class Watchers {
  /** After so long a silent stream says that it lives: proxies and load balancers close what is silent. */
  readonly beatMs: number;
  private readonly max: number;
  private readonly clientOf: ClientOf;
  /** How many places each client has. */
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
   * Takes a client up, which may have as many places as it leaves to others: of all that are free the first has
   * half, the second a quarter, and so on.
   * @param release called when the process stops, a second later where it does already
   * @returns what to call when the client has its answer or has left
   * @throws {HttpProblem} 503 when too many wait already, in all or of this client
   */
  enter(request: IncomingMessage, release: () => void): () => void {
    const client = this.clientOf(request);
    const places = this.places.get(client) ?? 0;
    const free = this.max - this.releases.size;
    if (free <= 0) throw tooMany('Too many clients are waiting here.');
    if (places >= free) throw tooMany('Too many are waiting here from your address.');
    this.places.set(client, places + 1);
    // A function of its own: the same one may be given twice.
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

  /** Lets all go, and whoever comes from now on after a second. */
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
