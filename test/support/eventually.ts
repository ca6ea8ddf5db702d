/** Waits for conditions, where a sleep would hope. */
import { setTimeout as sleep } from 'node:timers/promises';
import { conditionLimitMs } from './patience.ts';

export interface EventuallyOptions {
  /** Default 20. */
  readonly intervalMs?: number;
}

/**
 * Calls `check` until it neither throws nor answers false, null or undefined, and returns what it answered.
 * Where that does not come, throws what the last call threw, ten minutes later: see `patience.ts`.
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
