/** Calls of the database that must succeed: they are repeated until an outage is over. */
import { setTimeout as realSleep } from 'node:timers/promises';
import { isPassingError } from '../../database/error-kinds.ts';

const firstDelayMs = 50;
const longestDelayMs = 1_000;

export interface Persistence {
  /** Called for each failure after which the call is repeated. */
  onTrouble(error: unknown): void;
  /** How to wait between tries; by default in real time. */
  readonly sleep?: (ms: number) => Promise<unknown>;
}

/**
 * Repeats `write` until it succeeds or throws an error that will not pass. A try whose answer was lost may
 * have committed: `settled` finds out, and is asked before each further try.
 * @param settled a value other than undefined is the outcome, and ends the tries
 */
export async function persist<T>(
  write: () => Promise<T>,
  settled: () => Promise<T | undefined>,
  { onTrouble, sleep = realSleep }: Persistence,
): Promise<T> {
  let delayMs = firstDelayMs;
  let hasTried = false;
  for (;;) {
    try {
      if (hasTried) {
        const outcome = await settled();
        if (outcome !== undefined) return outcome;
      }
      return await write();
    } catch (error) {
      if (!isPassingError(error)) throw error;
      onTrouble(error);
    }
    hasTried = true;
    await sleep(delayMs);
    delayMs = Math.min(longestDelayMs, delayMs * 2);
  }
}
