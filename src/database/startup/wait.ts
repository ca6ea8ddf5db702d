/**
 * Waits for a database that does not run yet, as when a machine or a set of containers starts everything at
 * once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectPlainly } from '../connect.ts';
import { addressOf, mayPass, toSetupError } from './setup-error.ts';

export interface WaitOptions {
  /** How long to wait; 0 means one try. */
  readonly seconds: number;
  readonly log: (level: 'info' | 'warn', message: string) => void;
  /**
   * A check that must succeed, too. It is repeated if its error may pass, as when others use all connections
   * at the moment.
   */
  readonly check?: (url: string) => Promise<void>;
}

const pauseMs = 500;
const repeatMs = 10_000;

/**
 * Resolves when the database accepts connections and the check has succeeded.
 * @throws {DatabaseSetupError} when the time is over; at once for an error that does not pass, such as a
 *   wrong password or a database that does not exist
 */
export async function waitForDatabase(url: string, { seconds, log, check }: WaitOptions): Promise<void> {
  const beganMs = performance.now();
  const untilMs = beganMs + 1000 * seconds;
  let saidMs = Number.NEGATIVE_INFINITY;
  // Throws for a URL that cannot be parsed, and says what is wrong with it.
  addressOf(url);
  for (;;) {
    const error = await tryToUse(url, check);
    const nowMs = performance.now();
    if (error === undefined) {
      if (saidMs > 0)
        log('info', `PostgreSQL is available after a wait of ${Math.round((nowMs - beganMs) / 1000)} s.`);
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

/** @returns the error that kept the database from being used; undefined if there was none */
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
