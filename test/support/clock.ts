/** The monotonic clock in a test's hands: what is held for a minute need not be waited for, and nothing grows old by itself. */
import { vi } from 'vitest';

export interface Clock extends Disposable {
  /** Adds to the time that has passed. Timers are not told: they come as their own time has passed. */
  pass(ms: number): void;
}

/** A clock, as `monotonicMs` reads it, that goes on as the system's does, and by what the test adds. */
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
  /** Time goes by itself again. */
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
