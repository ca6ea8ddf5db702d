/** The monotonic clock, as `monotonicMs` reads it, in a test's hands: what is held for a minute need not be waited for. */
import { vi } from 'vitest';

export interface Clock extends Disposable {
  /** Adds to the time that has passed. */
  pass(ms: number): void;
}

/** A clock that goes on as the system's does, and by what the test adds. */
export function startClock(): Clock {
  const read = process.hrtime.bigint.bind(process.hrtime);
  let aheadMs = 0;
  const spy = vi
    .spyOn(process.hrtime, 'bigint')
    .mockImplementation(() => read() + BigInt(aheadMs) * 1_000_000n);
  return {
    pass(ms) {
      aheadMs += ms;
    },
    [Symbol.dispose]: () => spy.mockRestore(),
  };
}
