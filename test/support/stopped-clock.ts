/** The monotonic clock at a standstill: nothing grows old unless the test says so, however busy the machine is. */
import { vi } from 'vitest';

export interface StoppedClock extends Disposable {
  /** Moves time on. Timers are not told: they come as their own time has passed. */
  pass(ms: number): void;
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
