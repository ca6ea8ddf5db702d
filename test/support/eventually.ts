/** Waits for conditions, instead of sleeping and hoping. */
import { setTimeout as sleep } from 'node:timers/promises';
import { conditionLimitMs } from './patience.ts';

export interface EventuallyOptions {
  /** Milliseconds between two calls; default 20. */
  readonly intervalMs?: number;
}

/**
 * Calls `check` until it neither throws nor returns false, null or undefined, and returns its result.
 * Gives up after ten minutes (see `patience.ts`), and then throws the error of the last call.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { intervalMs = 20 }: EventuallyOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + conditionLimitMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await check();
      if (value !== false && value !== null && value !== undefined) return value;
      failure = new Error(`still ${value} after ${conditionLimitMs / 60_000} minutes`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= deadline) throw failure;
    await sleep(intervalMs);
  }
}
