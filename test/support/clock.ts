/**
 * Lets a test move or stop the monotonic clock, so that it need not wait a minute and no time passes by
 * itself.
 */
import { vi } from 'vitest';
import { Watchers } from '../../src/api/reading/watchers.ts';

export interface Clock extends Disposable {
  /** Moves the clock forward. Other timers do not notice: they fire after real time. */
  pass(ms: number): void;
}

/**
 * A clock for `monotonicMs` that runs like the system's, plus the time that the test adds. Clients that are
 * kept waiting from now on, and the beats of streams, wait for the added time only.
 */
export function startClock(): Clock {
  const read = process.hrtime.bigint.bind(process.hrtime);
  let aheadMs = 0;
  const waits = new Set<{ readonly dueMs: number; due(): void }>();
  const hrtime = vi
    .spyOn(process.hrtime, 'bigint')
    .mockImplementation(() => read() + BigInt(aheadMs) * 1_000_000n);
  const after = vi.spyOn(Watchers.prototype, 'after').mockImplementation((ms, due) => {
    const wait = { dueMs: aheadMs + ms, due };
    waits.add(wait);
    return { cancel: () => waits.delete(wait) };
  });
  return {
    pass(ms) {
      aheadMs += ms;
      const dueNow = [...waits].filter(({ dueMs }) => dueMs <= aheadMs).sort((a, b) => a.dueMs - b.dueMs);
      for (const wait of dueNow) if (waits.delete(wait)) wait.due();
    },
    [Symbol.dispose]: () => {
      hrtime.mockRestore();
      after.mockRestore();
    },
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
