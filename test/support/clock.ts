/**
 * Lets a test move or stop the monotonic clock, so that it need not wait a minute and no time passes by
 * itself.
 */
import { vi } from 'vitest';

export interface Clock extends Disposable {
  /** Moves the clock forward. Timers do not notice: they fire after real time. */
  pass(ms: number): void;
}

/** A clock for `monotonicMs` that runs like the system's, plus the time that the test adds. */
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

export interface StoppedClock extends Clock {
  /** Lets the clock run by itself again. */
  go(): void;
}

/** From now on `performance.now()` and `process.hrtime.bigint()` stand still. */
export function stopClock(): StoppedClock {
  const stoppedMs = performance.now();
  const stoppedNs = process.hrtime.bigint();
  let passedMs = 0;
  const now = vi.spyOn(performance, 'now').mockImplementation(() => stoppedMs + passedMs);
  const hrtime = vi
    .spyOn(process.hrtime, 'bigint')
    .mockImplementation(() => stoppedNs + BigInt(passedMs) * 1_000_000n);
  const go = () => {
    now.mockRestore();
    hrtime.mockRestore();
  };
  return {
    pass: (ms) => {
      passedMs += ms;
    },
    go,
    [Symbol.dispose]: go,
  };
}
