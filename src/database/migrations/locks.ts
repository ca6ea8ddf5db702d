/**
 * Runs changes of the schema. They need locks that others may hold: a process that was stopped during the
 * same change, or a transaction that somebody has left open. Each wait is short, because every other
 * statement would queue behind it. After each wait, the change names who holds the lock, and is tried again
 * until it succeeds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type ConnectOptions, connectPlainly } from '../connect.ts';
import { isConnectionError } from '../error-kinds.ts';
import { codeOf, messageOf } from '../error-text.ts';
import { describeBlockers, findBlockers } from './blockers.ts';

export interface LockOptions extends Pick<ConnectOptions, 'connectTimeoutMs'> {
  /** Aborts the repetitions. */
  readonly signal?: AbortSignal | undefined;
  /** Called with a message after each wait without success, and after each interruption. */
  readonly onWait?: ((message: string) => void) | undefined;
  /**
   * How long each try waits for a lock (default 2,000). That is longer than PostgreSQL takes to cancel an
   * autovacuum that holds the lock.
   */
  readonly lockTimeoutMs?: number;
  /** The pause before the first repetition (default 1,000). The pauses grow up to five times as long. */
  readonly pauseMs?: number;
  /** For how long a transaction stays open when its process stops in the middle of it (default 5,000). */
  readonly idleTimeoutMs?: number;
}

/**
 * How many interruptions other than locks are tolerated: a restart of the server, a deadlock, a process that
 * was frozen and wakes up.
 */
const maxInterruptions = 3;

/**
 * Runs `work` on a connection of its own. When `work` meets a lock or an interruption, runs it again from its
 * beginning.
 * @param what names the work in messages, such as `The migration`
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
      if (isLockTimeout(error)) onWait?.(`${what} waits for ${watch.described()}`);
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

/** Whether `throughLocks` repeats the work after this error. */
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

/**
 * While a connection waits for a lock, asks over another connection who holds the lock: after the wait,
 * nobody can tell.
 */
class BlockerWatch {
  private readonly url: string;
  private readonly intervalMs: number;
  private timer: NodeJS.Timeout | undefined;
  private asking: Promise<pg.Client> | undefined;
  private found: string | undefined;

  constructor(url: string, limitMs: number) {
    this.url = url;
    // Four questions in each wait: so at least some come while the connection waits.
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

  /** Describes who held the lock. */
  described(): string {
    return this.found ?? 'a lock that somebody held, and is tried again.';
  }

  private async ask(pid: number): Promise<void> {
    this.asking ??= connectPlainly(this.url, { queryTimeoutMs: 5_000 });
    const blockers = await findBlockers(await this.asking, pid);
    if (blockers.length > 0) this.found = describeBlockers(blockers);
  }
}
