import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createServiceClock } from '../../public/service-clock.js';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});

afterEach(() => {
  vi.useRealTimers();
});

test('goes on from the time at which the page was made, whatever the browser takes for the time', () => {
  const clock = createServiceClock(5_000);

  vi.advanceTimersByTime(700);

  expect(clock.nowMs).toBe(5_700);
});

test("is the browser's clock on a page that tells no time", () => {
  expect(createServiceClock(Number.NaN).nowMs).toBe(1_000_000);
});

test('calls back once the last time that it was given has passed', () => {
  const clock = createServiceClock(5_000);
  const [first, second] = [vi.fn(), vi.fn()];
  clock.when(6_000, first);
  clock.when(7_000, second);

  vi.advanceTimersByTime(2_000);
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 0]);
  vi.advanceTimersByTime(1);

  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
});

test.each([Number.NaN, 4_999])('does not call back for %d', (atMs) => {
  const callback = vi.fn();
  const clock = createServiceClock(5_000);
  clock.when(6_000, callback);
  clock.when(atMs, callback);

  vi.advanceTimersByTime(10_000);

  expect(callback).not.toHaveBeenCalled();
});

test('does not call back at once for a time that no timer can wait for', () => {
  const callback = vi.fn();
  createServiceClock(5_000).when(1e13, callback);

  vi.advanceTimersByTime(1_000_000);

  expect(callback).not.toHaveBeenCalled();
});
