import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createReports } from '../../public/reports.js';
import { running } from './views.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const reportAt = (second: string, progressed = second) =>
  running({
    updatedAt: `2026-03-01T12:00:${second}.000Z`,
    progressedAt: `2026-03-01T12:00:${progressed}.000Z`,
  });

test('reports are missing after ten seconds of silence, and `onStill` is called once', () => {
  const onStill = vi.fn();
  const reports = createReports(onStill, 0);
  reports.take(undefined, reportAt('00'));

  vi.advanceTimersByTime(9_900);
  expect([reports.areMissing, onStill.mock.calls.length]).toEqual([false, 0]);
  vi.advanceTimersByTime(5_000);

  expect([reports.areMissing, onStill.mock.calls.length]).toEqual([true, 1]);
});

test('a page that is opened late counts the silence before', () => {
  const reports = createReports(() => {}, 8_000);
  reports.take(undefined, reportAt('00'));

  vi.advanceTimersByTime(2_000);

  expect(reports.areMissing).toBe(true);
});

test('the next report ends the silence', () => {
  const reports = createReports(() => {}, 60_000);
  reports.take(undefined, reportAt('00'));
  expect(reports.areMissing).toBe(true);

  reports.take(reportAt('00'), reportAt('01'));

  expect(reports.areMissing).toBe(false);
});

test('a report without progress does not end the silence', () => {
  const reports = createReports(() => {}, 60_000);

  reports.take(reportAt('00'), reportAt('01', '00'));

  expect(reports.areMissing).toBe(true);
});

test('the same state again is no report', () => {
  const reports = createReports(() => {}, 60_000);

  reports.take(reportAt('00'), reportAt('00'));

  expect(reports.areMissing).toBe(true);
});

test('work that reports every ten seconds is waited for three times as long', () => {
  const reports = createReports(() => {}, 0);
  reports.take(reportAt('00'), reportAt('10'));
  reports.take(reportAt('10'), reportAt('20'));

  vi.advanceTimersByTime(29_000);
  expect(reports.areMissing).toBe(false);
  vi.advanceTimersByTime(2_000);

  expect(reports.areMissing).toBe(true);
});
