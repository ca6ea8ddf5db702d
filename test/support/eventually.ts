/** Waits for conditions, where a sleep would hope. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Default 30,000: a patience for busy machines, no claim. */
  readonly timeoutMs?: number;
  /** Default 20. */
  readonly intervalMs?: number;
}

/**
 * Calls `check` until it neither throws nor answers false, null or undefined, and returns what it answered.
 * At the deadline, throws what the last call threw.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<NonNullable<T>> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await check();
      if (value !== false && value !== null && value !== undefined) return value;
      failure = new Error(`still ${value} after ${timeoutMs} ms`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= deadline) throw failure;
    await sleep(options.intervalMs ?? 20);
  }
}
