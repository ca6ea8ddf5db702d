import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pace } from '../../public/pace.js';
import { stopClock } from '../support/clock.ts';

beforeEach(() => {
  vi.stubGlobal('document', { hidden: false });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const news = {
  kind: 'changed',
  state: {},
  etag: '"1"',
  wasHeld: true,
  readMs: 20,
  retryAfterMs: 1000,
} as const;

describe('after news', () => {
  const restAfter = (size: number, asked: 'to wait' | 'plainly' = 'to wait') =>
    new Pace().restAfter({ ...news, size }, { asked, tookMs: 5000, isOver: false });

  test('of one task, the next question follows as soon as the line is free', () => {
    expect(restAfter(900)).toBe(20);
  });

  test('of many tasks, the next question waits so long that 50 kB/s are not exceeded', () => {
    expect(restAfter(90_000)).toBe(1800);
    expect(restAfter(90_000, 'plainly')).toBe(1800);
  });

  test('of very many tasks, the next question waits for 10 s', () => {
    expect(restAfter(900_000)).toBe(10_000);
  });
});

describe('when news comes only at the end of the wait', () => {
  const answered = (pace: Pace, ...tookMs: number[]) => {
    for (const ms of tookMs)
      pace.restAfter({ ...news, size: 900 }, { asked: 'to wait', tookMs: ms, isOver: false });
    return pace;
  };

  test('twice in a row, no question is held any more: the service does not know what the page has', () => {
    expect(answered(new Pace(), 10_050, 10_050).mayHold).toBe(false);
  });

  test('the page asks plainly for a minute at most, and then tries to wait again', () => {
    using clock = stopClock();
    const pace = answered(new Pace(), 10_050, 10_050);

    clock.pass(60_000);
    pace.restAfter({ ...news, size: 900 }, { asked: 'plainly', tookMs: 50, isOver: false });

    expect(pace.mayHold).toBe(true);
    expect(answered(pace, 10_050).mayHold).toBe(false);
  });

  test('once, by chance, the next question is held', () => {
    expect(answered(new Pace(), 10_050).mayHold).toBe(true);
    expect(answered(new Pace(), 10_050, 5_000, 10_050).mayHold).toBe(true);
  });
});

test('a page asks for finished work every 15 s, and while it is hidden not at all', () => {
  const question = { asked: 'plainly', tookMs: 10, isOver: true } as const;

  expect(new Pace().restAfter({ ...news, size: 900 }, question)).toBe(15_000);
  vi.stubGlobal('document', { hidden: true });

  expect(new Pace().restAfter({ ...news, size: 900 }, question)).toBe(Number.POSITIVE_INFINITY);
});
