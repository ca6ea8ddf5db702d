import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffSeconds } from '../../src/jobs/attempt/backoff.ts';

const middle = () => 0.5;

describe('the wait before the next try', () => {
  it.each([
    [0, 1],
    [1, 2],
    [2, 4],
    [8, 256],
    [9, 300],
    [1000, 300],
  ])('doubles with each failure up to five minutes: %i before, %d s', (failures, seconds) => {
    expect(backoffSeconds(undefined, failures, middle)).toBe(seconds);
  });

  it('follows what the job asks for', () => {
    expect(backoffSeconds({ seconds: 0.2, maxSeconds: 1 }, 0, middle)).toBeCloseTo(0.2);
    expect(backoffSeconds({ seconds: 0.2, maxSeconds: 1 }, 2, middle)).toBeCloseTo(0.8);
    expect(backoffSeconds({ seconds: 0.2, maxSeconds: 1 }, 3, middle)).toBe(1);
  });

  it('is spread by a quarter either way and never further', () => {
    const options = fc.record({
      seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
      maxSeconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
    });

    fc.assert(
      fc.property(
        options,
        fc.nat(),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (backoff, failures, random) => {
          const delay = backoffSeconds(backoff, failures, () => random);
          const unspread = backoffSeconds(backoff, failures, middle);

          expect(delay).toBeGreaterThanOrEqual(unspread * 0.75);
          expect(delay).toBeLessThanOrEqual(unspread * 1.25);
          expect(unspread).toBeLessThanOrEqual(backoff.maxSeconds);
        },
      ),
    );
  });

  it('is not the same for tasks that failed together', () => {
    const delays = Array.from({ length: 100 }, () => backoffSeconds(undefined, 3));

    expect(new Set(delays).size).toBeGreaterThan(90);
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(2);
  });
});
