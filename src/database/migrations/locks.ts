/**
 * Changes of the schema, which need locks that others may hold: a process that was stopped in the midst of the same,
 * or a transaction that somebody has left open. No wait is long, as everybody else would queue behind it; whoever is
 * in the way is named, and all is tried again until it is done.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type ConnectOptions, connectPlainly } from '../connect.ts';
import { codeOf, messageOf } from '../error-text.ts';
import { isConnectionError } from '../errors.ts';
import { describeBlockers, findBlockers } from './blockers.ts';

export interface LockOptions extends Pick<ConnectOptions, 'connectTimeoutMs'> {
  /** Calls the repetitions off. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each wait that was given up, and of an interruption. */
  readonly onWait?: ((message: string) => void) | undefined;
  /** How long a lock is waited for (default 2,000): longer than it takes PostgreSQL to send its own vacuum away. */
  readonly lockTimeoutMs?: number;
  /** Before the first repetition (default 1,000); it grows fivefold. */
  readonly pauseMs?: number;
  /** How long the transaction of a process that was stopped in its midst stays open (default 5,000). */
  readonly idleTimeoutMs?: number;
}

/** Interruptions of another kind than locks: a restart of the server, a deadlock, a process that was frozen and wakes. */
const maxInterruptions = 3;

/**
 * Runs `work` on a connection of its own, from its beginning again where it has met a lock.
 * @param what names it in what is told: `The migration`
 */
export async function throughLocks<T>(
  url: string,
  what: string,
  work: (client: pg.Client) => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const { onWait, pauseMs = 1_000, signal } = options;
  let interruptions = 0;
  for (let tries = 1; ; tries += 1) {
    const watch = new BlockerWatch(url, lockTimeoutMs(options));
    let client: pg.Client | undefined;
    try {
      client = await connectPlainly(url, { ...options, name: 'headway migrate' });
      await client.query(settingsSql(options));
      await watch.start(client);
      return await work(client);
    } catch (error) {
      signal?.throwIfAborted();
      if (isLockTimeout(error)) onWait?.(`${what} waits for ${watch.told()}`);
      else {
        interruptions += 1;
        if (!isInterruption(error) || interruptions > maxInterruptions) throw error;
        onWait?.(`${what} was interrupted, and is tried again: ${messageOf(error)}`);
      }
    } finally {
      watch.stop();
      client?.end().catch(() => undefined);
    }
    await sleep(pauseMs * Math.min(tries, 5), undefined, signal && { signal }).catch(() => undefined);
    signal?.throwIfAborted();
  }
}

/** What `throughLocks` repeats. */
export function isWaitedOut(error: unknown): boolean {
  return isLockTimeout(error) || isInterruption(error);
}

function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === '55P03';
}

function isInterruption(error: unknown): boolean {
  const deadlock = '40P01';
  return codeOf(error) === deadlock || isConnectionError(error);
}

function lockTimeoutMs({ lockTimeoutMs = 2_000 }: LockOptions): number {
  return lockTimeoutMs;
}

function settingsSql(options: LockOptions): string {
  const { idleTimeoutMs = 5_000 } = options;
  return `SET lock_timeout = ${lockTimeoutMs(options)}; SET idle_in_transaction_session_timeout = ${idleTimeoutMs}`;
}

/** Asks over another connection who is in the way of the first, while that waits: afterwards nobody can tell. */
class BlockerWatch {
  private readonly url: string;
  private readonly intervalMs: number;
  private timer: NodeJS.Timeout | undefined;
  private asking: Promise<pg.Client> | undefined;
  private found: string | undefined;

  constructor(url: string, limitMs: number) {
    this.url = url;
    // Some of the questions are put in the midst of a wait.
    this.intervalMs = limitMs / 4;
  }

  async start(watched: pg.Client): Promise<void> {
    const { rows } = await watched.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const pid = rows[0]?.pid ?? 0;
    this.timer = setInterval(() => void this.ask(pid).catch(() => undefined), this.intervalMs);
  }

  stop(): void {
    clearInterval(this.timer);
    this.asking?.then((client) => client.end()).catch(() => undefined);
  }

  /** Who it was that was waited for. */
  told(): string {
    return this.found ?? 'a lock that somebody has held, and is tried again.';
  }

  private async ask(pid: number): Promise<void> {
    this.asking ??= connectPlainly(this.url, { queryTimeoutMs: 5_000 });
    const blockers = await findBlockers(await this.asking, pid);
    if (blockers.length > 0) this.found = describeBlockers(blockers);
  }
}
