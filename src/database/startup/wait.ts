/** Waits for a database that is not there yet, as where a machine or a set of containers starts all at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectPlainly } from '../connect.ts';
import { addressOf, mayPass, toSetupError } from './setup-error.ts';

export interface WaitOptions {
  /** How long; 0 for one try. */
  readonly seconds: number;
  readonly log: (level: 'info' | 'warn', message: string) => void;
  /** What else must go well: repeated, too, where what it meets may pass, as when others have all connections. */
  readonly check?: (url: string) => Promise<void>;
}

const pauseMs = 500;
const repeatMs = 10_000;

/**
 * Resolves when the database lets us in.
 * @throws {DatabaseSetupError} when it has not in time, and at once for what does not pass: a wrong password,
 *   a database that does not exist
 */
export async function waitForDatabase(url: string, { seconds, log, check }: WaitOptions): Promise<void> {
  const beganMs = performance.now();
  const untilMs = beganMs + 1000 * seconds;
  let saidMs = Number.NEGATIVE_INFINITY;
  // Says what is wrong with a URL that cannot be parsed.
  addressOf(url);
  for (;;) {
    const error = await tryToUse(url, check);
    const nowMs = performance.now();
    if (error === undefined) {
      if (saidMs > 0) log('info', `PostgreSQL is there, after ${Math.round((nowMs - beganMs) / 1000)} s.`);
      return;
    }
    const setupError = toSetupError(error, url);
    if (!mayPass(error) || nowMs >= untilMs) throw setupError;
    if (nowMs - saidMs >= repeatMs) {
      saidMs = nowMs;
      const leftSeconds = Math.ceil((untilMs - nowMs) / 1000);
      log('warn', `Waiting up to ${leftSeconds} s for PostgreSQL: ${setupError.message}`);
    }
    await sleep(pauseMs);
  }
}

/** @returns what kept it from being used */
async function tryToUse(url: string, check: WaitOptions['check']): Promise<unknown> {
  try {
    const client = await connectPlainly(url);
    await client.end().catch(() => undefined);
    await check?.(url);
    return undefined;
  } catch (error) {
    return error;
  }
}
