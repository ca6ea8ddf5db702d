import { describe, expect, test } from 'vitest';
import {
  amountOf,
  barPercent,
  hasKnownShare,
  isFinished,
  isNearEnd,
  patienceMs,
  progressedMs,
  roundedPercent,
  secondsLeft,
  standsStill,
  wholePercent,
  withoutMeasures,
} from '../../public/progress.js';
import type { TaskView } from '../../src/tasks/model/view.ts';
import { cancelled, failed, queued, running, succeeded } from './views.ts';

describe('what the total says', () => {
  test('no total: only the amount is known, and no time is left to tell', () => {
    const task = running({ done: 12_300, total: null });

    expect(amountOf(task)).toEqual({ is: 'without total', done: 12_300 });
    expect(secondsLeft(task)).toBeNull();
    expect(isNearEnd(task)).toBe(false);
  });

  test('a total that is not reached: the time left, to a tenth of a second', () => {
    const task = running({ done: 12_300, total: 50_000, etaSeconds: 4.598 });

    expect(amountOf(task)).toEqual({ is: 'below total', done: 12_300, total: 50_000 });
    expect(secondsLeft(task)).toBe(4.6);
    expect(isNearEnd(task)).toBe(false);
  });

  test('a total that is reached: the time left is unknown, but the end is near', () => {
    const task = running({ done: 50_000, total: 50_000 });

    expect(amountOf(task)).toEqual({ is: 'at total', done: 50_000, total: 50_000 });
    expect(secondsLeft(task)).toBeNull();
    expect(isNearEnd(task)).toBe(true);
  });

  test('a total that is exceeded: likewise, and both numbers are told', () => {
    const task = running({ done: 60_000, total: 50_000 });

    expect(amountOf(task)).toEqual({ is: 'over total', done: 60_000, total: 50_000 });
    expect(secondsLeft(task)).toBeNull();
    expect(isNearEnd(task)).toBe(true);
  });

  test('a task that counts nothing has no amount', () => {
    expect(amountOf(running({ done: null, total: null }))).toEqual({ is: 'not counted' });
    expect(amountOf(running({ done: null, total: 50_000 }))).toEqual({ is: 'not counted' });
  });

  test('without an estimate, the time left is unknown; without a rate, the nearness of the end', () => {
    expect(secondsLeft(running({ etaSeconds: null }))).toBeNull();
    expect(isNearEnd(running({ done: 50_000, ratePerSecond: null }))).toBe(false);
  });
});

describe('what the percentage says', () => {
  test('an unknown share: a running task without total and percentage has neither bar nor number', () => {
    const task = running({ total: null, percentDone: 0 });

    expect([hasKnownShare(task), barPercent(task), wholePercent(task)]).toEqual([false, null, null]);
  });

  test('a total or a percentage makes the share known, and so does every status but running', () => {
    const tasks = [
      running({ total: 50_000, percentDone: 0 }),
      running({ total: null, percentDone: 0.5 }),
      queued({ total: null, percentDone: 0 }),
      failed({ total: null, percentDone: 0 }),
    ];

    expect(tasks.map(hasKnownShare)).toEqual([true, true, true, true]);
    expect(tasks.map(barPercent)).toEqual([0, 0.5, 0, 0]);
  });

  test('the bar stays within its ends', () => {
    expect([-1, 24.6, 101].map((percentDone) => barPercent(running({ percentDone })))).toEqual([
      0, 24.6, 100,
    ]);
  });

  test('whole numbers are rounded down, and only success reads 100', () => {
    expect(wholePercent(running({ percentDone: 24.9 }))).toBe(24);
    expect(wholePercent(running({ percentDone: 100 }))).toBe(99);
    expect(wholePercent(failed({ percentDone: 100 }))).toBe(99);
    expect(wholePercent(succeeded())).toBe(100);
  });

  test('the percentage of the JSON has two decimals, and only 100 is rounded to 100', () => {
    expect([55.000_000_000_000_01, 33.337, 99.999, 100].map(roundedPercent)).toEqual([55, 33.34, 99.99, 100]);
  });
});

describe('a task that stands still', () => {
  test('is known by three missed reports, but after ten seconds at the earliest', () => {
    expect(patienceMs(running(), 20_000)).toBe(60_000);
    expect(patienceMs(running(), 500)).toBe(10_000);
  });

  test('is known later where the rest takes long: after a tenth of it, and a minute at most', () => {
    const patience = [60, 300, 36_000].map((etaSeconds) => patienceMs(running({ etaSeconds })));

    expect(patience).toEqual([10_000, 30_000, 60_000]);
  });

  test('is one that runs, tells its progress, and has made none for longer than usual', () => {
    const seconds = (task: TaskView) =>
      [9, 10, 59, 60].filter((second) => standsStill(task, progressedMs(task) + 1000 * second));

    expect(seconds(running())).toEqual([10, 59, 60]);
    expect(seconds(running({ done: 0, percentDone: 0, ratePerSecond: null, etaSeconds: null }))).toEqual([
      60,
    ]);
    expect(seconds(running({ done: null, total: null, percentDone: 0 }))).toEqual([]);
    expect(seconds(running({ progressedAt: null }))).toEqual([]);
    expect(seconds(queued())).toEqual([]);
    expect(seconds(failed())).toEqual([]);
  });

  test('made its last progress when its runner says so, or else at its last report', () => {
    const task = running({ progressedAt: '2026-03-01T12:00:10.000Z', updatedAt: '2026-03-01T12:00:20.000Z' });

    expect(progressedMs(task)).toBe(Date.parse('2026-03-01T12:00:10Z'));
    expect(progressedMs({ ...task, progressedAt: null })).toBe(Date.parse('2026-03-01T12:00:20Z'));
  });

  test('is known by its rate where its reports are unknown: one unit, one report, 40 seconds at most', () => {
    const patience = [8200, 0.1, 0.0001, null].map((ratePerSecond) =>
      patienceMs({ ratePerSecond, etaSeconds: null }),
    );

    expect(patience).toEqual([10_000, 30_000, 120_000, 10_000]);
  });

  test('is shown without rate and time left, and otherwise as it is', () => {
    const task = running();

    expect(withoutMeasures(task)).toEqual({ ...task, ratePerSecond: null, etaSeconds: null });
  });
});

describe('a finished task', () => {
  test('is one that succeeded, failed or was cancelled', () => {
    expect([queued(), running(), succeeded(), failed(), cancelled()].map(isFinished)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });

  test('has no time left and no end to come, however much it did', () => {
    const tasks = [
      succeeded({ ratePerSecond: 8200, etaSeconds: 1 }),
      failed({ ratePerSecond: 8200, etaSeconds: 1 }),
      cancelled({ done: 60_000, ratePerSecond: 8200, etaSeconds: 1 }),
    ];

    expect(tasks.map(secondsLeft)).toEqual([null, null, null]);
    expect(tasks.map(isNearEnd)).toEqual([false, false, false]);
  });
});
