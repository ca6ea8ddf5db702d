import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines } from '../../src/scheduling/deadlines.ts';

let nowMs: number;
let deadlines: Deadlines;
beforeEach(() => {
  // The clock starts in the middle of a turn of the timer.
  nowMs = 1_000_130;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => BigInt(nowMs) * 1_000_000n);
  deadlines = new Deadlines();
  deadlines.start();
});
afterEach(() => {
  deadlines.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function pass(ms: number): void {
  for (let gone = 0; gone < ms; gone += 1) {
    nowMs += 1;
    vi.advanceTimersByTime(1);
  }
}

/** The calls of a deadline, each in milliseconds since it was set. */
function setDeadline(ms: number) {
  const setAt = nowMs;
  const calls: number[] = [];
  const deadline = deadlines.after(ms, () => calls.push(nowMs - setAt));
  return { calls, cancel: () => deadline.cancel() };
}

describe('a deadline', () => {
  it.each([0, 1, 69, 70, 71, 150, 200, 399, 600])(
    'of %d ms is due once, never early, and little late',
    (ms) => {
      const { calls } = setDeadline(ms);

      pass(2_000);

      expect(calls).toHaveLength(1);
      expect(calls[0]).toBeGreaterThanOrEqual(ms);
      // At most the rest of its turn, and the next turn of the timer.
      expect(calls[0]).toBeLessThanOrEqual(ms + 400);
    },
  );

  it('that is cancelled is not due', () => {
    const cancelled = setDeadline(300);
    const kept = setDeadline(300);

    cancelled.cancel();
    pass(1_000);

    expect(kept.calls).toHaveLength(1);
    expect(cancelled.calls).toEqual([]);
  });

  it('may be cancelled a second time, which cancels no others that came into its turn since', () => {
    const first = setDeadline(300);
    first.cancel();
    const second = setDeadline(300);

    first.cancel();
    pass(1_000);

    expect(second.calls).toHaveLength(1);
  });

  it('may be cancelled by another of the same turn', () => {
    const victim: { cancel(): void } = { cancel: () => undefined };
    deadlines.after(300, () => victim.cancel());
    const second = setDeadline(300);
    victim.cancel = second.cancel;
    const last = setDeadline(300);

    pass(1_000);

    expect(last.calls).toHaveLength(1);
    expect(second.calls).toEqual([]);
  });

  it('may set the next deadline', () => {
    let calls = 0;
    const beat = () => {
      calls += 1;
      if (calls < 3) deadlines.after(100, beat);
    };
    deadlines.after(0, beat);

    pass(3_000);

    expect(calls).toBe(3);
  });

  it('is kept apart from another one with the same function', () => {
    let calls = 0;
    const count = () => {
      calls += 1;
    };
    deadlines.after(200, count);
    deadlines.after(200, count);

    pass(1_000);

    expect(calls).toBe(2);
  });
});

it('after the process stood still, all deadlines that were missed are due, in order', () => {
  const order: number[] = [];
  for (const ms of [600, 200, 400]) deadlines.after(ms, () => order.push(ms));

  nowMs += 1_500;
  vi.advanceTimersByTime(200);

  expect(order).toEqual([200, 400, 600]);
});

it('no deadline is due after a stop, and those that were set are due after the next start', () => {
  const waiting = setDeadline(200);
  deadlines.stop();
  pass(1_000);
  expect(waiting.calls).toEqual([]);

  deadlines.start();
  pass(200);

  expect(waiting.calls).toHaveLength(1);
});
