import { describe, expect, test } from 'vitest';
import { type Prospect, retryAfterSeconds } from '../../src/api/reading/retry-after.ts';

const nowMs = 1_000_000_000_000;
const task = (given: Partial<Prospect>): Prospect => ({
  status: 'running',
  nextAttemptMs: null,
  startedMs: nowMs,
  etaSeconds: null,
  ...given,
});

describe('when to ask again', () => {
  test.each<[string, Partial<Prospect>, number | undefined, number | undefined]>([
    ['never, of what is finished', { status: 'succeeded' }, undefined, undefined],
    ['never, of what was cancelled', { status: 'cancelled' }, undefined, undefined],
    ['soon, near the end', { etaSeconds: 0.2 }, undefined, 1],
    ['after a tenth of the time to go', { etaSeconds: 100 }, undefined, 10],
    ['twice a minute, of what takes hours', { etaSeconds: 100_000 }, undefined, 30],
    ['soon, of what has just begun', {}, undefined, 1],
    [
      'after a tenth of the time since the start, if nothing else is known',
      { startedMs: nowMs - 120_000 },
      undefined,
      12,
    ],
    ['soon, of what is queued', { status: 'queued', startedMs: null }, undefined, 1],
    ['after half of the wait, in a queue', { status: 'queued', startedMs: null }, 20, 10],
    ['twice a minute, in a deep queue', { status: 'queued', startedMs: null }, 5_000, 30],
    ['when the next try is due', { status: 'queued', nextAttemptMs: nowMs + 7_500 }, 2, 8],
    ['soon, when the next try is overdue', { status: 'queued', nextAttemptMs: nowMs - 7_500 }, undefined, 1],
    ['soon, where the clock of the database is ahead', { startedMs: nowMs + 60_000 }, undefined, 1],
  ])('%s', (_what, given, secondsToStart, seconds) => {
    expect(retryAfterSeconds(task(given), nowMs, secondsToStart)).toBe(seconds);
  });
});
