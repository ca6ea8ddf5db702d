/** Writes that must happen: they wait and try again through an outage. */
import { setTimeout as realSleep } from 'node:timers/promises';
import { isPassingError } from '../../database/errors.ts';

const firstDelayMs = 50;
const longestDelayMs = 1_000;

export interface Persistence {
  /** Told of each failure that is waited out. */
  onTrouble(error: unknown): void;
  /** Waits for so many milliseconds; default in real time. */
  readonly sleep?: (ms: number) => Promise<unknown>;
}

/**
 * Runs `write` until it succeeds, throws an error that will not pass, or `settled` says that a try
 * whose answer was lost has decided the matter.
 * @param settled asked before each further try; a value other than undefined is the outcome
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
