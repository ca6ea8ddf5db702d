import { describe, expect, test } from 'vitest';
import {
  formatAmount,
  formatBytes,
  formatDuration,
  formatLocal,
  formatNumber,
  formatRate,
  formatShare,
  formatTimeLeft,
  formatUtc,
} from '../../public/format.js';
import { secondsIn } from '../support/runs.ts';

describe('numbers', () => {
  test.each([
    [0, '0'],
    [0.25, '0.3'],
    [12_300, '12,300'],
    [1234.56, '1,235'],
    [-5, '-5'],
    [1e15, '1,000,000,000,000,000'],
    [1.2e18, '1.2e+18'],
    [1e18, '1e+18'],
    [Number.MAX_VALUE, '1.8e+308'],
    [Number.NaN, '?'],
  ])('%d reads %s', (value, words) => {
    expect(formatNumber(value)).toBe(words);
  });
});

describe('amounts', () => {
  test('bytes take the unit that reads best', () => {
    expect([0, 999, 1500, 12.3e6, 2e9, 7e13].map(formatBytes)).toEqual([
      '0 bytes',
      '999 bytes',
      '1.5 kB',
      '12.3 MB',
      '2 GB',
      '70 TB',
    ]);
  });

  test('a share of bytes is said in the unit of its total', () => {
    expect(formatShare(300_000, 50.2e6, 'bytes')).toBe('0.3 of 50.2 MB');
  });

  test('other units are shown as they are, and no unit is left out', () => {
    expect(formatShare(12_300, 50_000, 'rows')).toBe('12,300 of 50,000 rows');
    expect(formatShare(1, 2, null)).toBe('1 of 2');
    expect(formatAmount(7, null)).toBe('7');
  });
});

describe('rates', () => {
  test.each([
    [8200, 'rows', '8,200 rows a second'],
    [12e6, 'bytes', '12 MB/s'],
    [0.5, 'pages', '30 pages a minute'],
    [0.001, 'pages', '3.6 pages an hour'],
    [3, null, '3 a second'],
  ])('%d %s a second reads %s', (perSecond, unit, words) => {
    expect(formatRate(perSecond, unit)).toBe(words);
  });
});

describe('durations', () => {
  test.each([
    [-3, '0 s'],
    [8.4, '8 s'],
    [59.7, '1 min'],
    [72, '1 min 12 s'],
    [7500, '2 h 5 min'],
    [90_000, '1 day 1 h'],
    [280_800, '3 days 6 h'],
    [1e12, 'more than 99 days'],
  ])('%d s reads %s', (seconds, words) => {
    expect(formatDuration(seconds)).toBe(words);
  });
});

describe('times left', () => {
  test.each([
    [0, 'a few seconds'],
    [7.9, 'a few seconds'],
    [8, 'about 10 seconds'],
    [13, 'about 15 seconds'],
    [54, 'about 50 seconds'],
    [55, 'about a minute'],
    [91, 'about 2 minutes'],
    [580, 'about 10 minutes'],
    [2400, 'about 40 minutes'],
    [3300, 'about an hour'],
    [5400, 'about 1.5 hours'],
    [4 * 3600, 'about 4 hours'],
    [86_000, 'about a day'],
    [1e6, 'about 12 days'],
    [1e12, 'more than 99 days'],
  ])('%d s reads %s', (seconds, words) => {
    expect(formatTimeLeft(seconds)).toBe(words);
  });

  test('never read longer where they are shorter', () => {
    const seconds = Array.from({ length: 4000 }, (_, step) => 1.004 ** step);
    const told = seconds.map((each) => secondsIn(`${formatTimeLeft(each)} left`) ?? 0);

    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(
      told.every((each, step) => Math.abs(Math.log2(each / (seconds[step] ?? 0))) < 0.6 || each <= 5),
    ).toBe(true);
  });
});

describe('times', () => {
  test('the server says UTC', () => {
    expect(formatUtc(new Date('2026-11-23T14:05:09Z'))).toBe('23 Nov 2026, 14:05:09 UTC');
  });

  test('a reader sees the date only if it is another day', () => {
    const now = new Date(2026, 10, 23, 18, 0, 0);

    expect(formatLocal(new Date(2026, 10, 23, 14, 5, 9), now)).toBe('14:05:09');
    expect(formatLocal(new Date(2026, 10, 22, 14, 5, 9), now)).toBe('22 Nov 2026, 14:05:09');
  });
});
