import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Deadlines } from '../src/deadlines.ts';
import { eventually } from './support/eventually.ts';

let deadlines: Deadlines;
beforeEach(() => {
  deadlines = new Deadlines();
  deadlines.start();
});
afterEach(() => deadlines.stop());

/** Calls of a deadline, each as milliseconds since it was set. */
function setDeadline(ms: number) {
  const setAt = performance.now();
  const calls: number[] = [];
  const deadline = deadlines.after(ms, () => calls.push(performance.now() - setAt));
  return { calls, cancel: () => deadline.cancel() };
}

describe('a deadline', () => {
  it('is due once, never early, and little late', async () => {
    const all = [0, 1, 150, 200, 399, 600].map((ms) => ({ ms, ...setDeadline(ms) }));

    await eventually(() => all.every(({ calls }) => calls.length > 0));
    await sleep(500);

    for (const { ms, calls } of all) {
      expect(calls).toHaveLength(1);
      expect(calls[0]).toBeGreaterThanOrEqual(ms);
      // A turn of 200 ms, and what a busy machine adds.
      expect(calls[0]).toBeLessThan(ms + 1000);
    }
  });

  it('that is cancelled is not due', async () => {
    const cancelled = setDeadline(300);
    const kept = setDeadline(300);

    cancelled.cancel();

    await eventually(() => kept.calls.length > 0);
    expect(cancelled.calls).toEqual([]);
  });

  it('may be cancelled again when others have come into its turn', async () => {
    const first = setDeadline(300);
    first.cancel();
    const second = setDeadline(300);

    first.cancel();

    await eventually(() => second.calls.length > 0);
  });

  it('may be cancelled by another of the same turn', async () => {
    const victim: { cancel(): void } = { cancel: () => undefined };
    let wasCalled = false;
    const first = deadlines.after(300, () => victim.cancel());
    const second = deadlines.after(300, () => {
      wasCalled = true;
    });
    victim.cancel = () => second.cancel();
    const last = setDeadline(300);

    await eventually(() => last.calls.length > 0);

    expect(wasCalled).toBe(false);
    first.cancel();
  });

  it('may set the next', async () => {
    const times: number[] = [];
    const beat = () => {
      times.push(performance.now());
      if (times.length < 3) deadlines.after(100, beat);
    };
    deadlines.after(0, beat);

    await eventually(() => times.length === 3);
  });

  it('is one of its own where the same function is given twice', async () => {
    let calls = 0;
    const count = () => {
      calls += 1;
    };
    deadlines.after(200, count);
    deadlines.after(200, count);

    await eventually(() => calls === 2);
  });
});

it('after the process stood still, all that became due meanwhile is due, in order', async () => {
  const order: number[] = [];
  for (const ms of [600, 200, 400]) deadlines.after(ms, () => order.push(ms));

  const until = performance.now() + 1_500;
  while (performance.now() < until);

  await eventually(() => order.length === 3);
  expect(order).toEqual([200, 400, 600]);
});

it('nothing is due after a stop, and what was set is due after the next start', async () => {
  const waiting = setDeadline(200);
  deadlines.stop();
  await sleep(600);
  expect(waiting.calls).toEqual([]);

  deadlines.start();

  await eventually(() => waiting.calls.length > 0);
});
