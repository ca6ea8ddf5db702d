import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fewestRuns, keptRuns, usualOf } from '../../../src/tasks/tally/usual.ts';
import { randomFrom, shareUnderP90 } from '../../support/steady-load.ts';

const random = randomFrom(14);
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
/** A minute, give or take the share. */
const about = (ms: number, share: number) => ms * (1 + share * normal());

/** Run times in ms, as work of many kinds has them. */
const kinds: Readonly<Record<string, () => number>> = {
  'nearly constant': () => about(60_000, 0.01),
  uniform: () => 1_000 + 9_000 * random(),
  exponential: () => -10_000 * Math.log(1 - random()),
  'log-normal, narrow': () => 10_000 * Math.exp(0.5 * normal()),
  'log-normal, wide': () => 10_000 * Math.exp(2 * normal()),
  'heavy tail': () => 1_000 / (1 - random()) ** (1 / 1.5),
  'a short and a long kind': () => (random() < 0.7 ? about(1_000, 0.05) : about(60_000, 0.1)),
  'mostly short': () => (random() < 0.88 ? about(1_000, 0.05) : about(60_000, 0.1)),
};

const p90Ms = (recentMs: readonly number[]) => 1000 * (usualOf(recentMs)?.p90Seconds ?? Number.NaN);
const p50Ms = (recentMs: readonly number[]) => 1000 * (usualOf(recentMs)?.p50Seconds ?? Number.NaN);

describe.each(Object.entries(kinds))('work whose run time is %s', (_kind, draw) => {
  it.each([fewestRuns, 6, 7, 8, 9, 10, 20, 50, keptRuns])(
    'is under p90 in 85 to 95 runs of 100, where %d runs are known',
    (known) => {
      const trials = 4_000;
      let under = 0;
      for (let trial = 0; trial < trials; trial += 1) {
        const recentMs = Array.from({ length: known }, draw);
        if (draw() <= p90Ms(recentMs)) under += 1;
      }

      expect(under / trials).toBeGreaterThan(0.85);
      expect(under / trials).toBeLessThan(0.95);
    },
  );

  it('is under p50 in about half of the runs', () => {
    const trials = 4_000;
    let under = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      if (draw() <= p50Ms(Array.from({ length: 20 }, draw))) under += 1;
    }

    expect(Math.abs(under / trials - 0.5)).toBeLessThan(0.05);
  });
});

describe('ten slots that are busy for nine tenths of the time with work of three types', () => {
  const types = {
    quick: () => 2_000 * Math.exp(0.5 * normal()),
    uneven: () => 20_000 * Math.exp(normal()),
    'of two kinds': () => (random() < 0.7 ? about(5_000, 0.05) : about(60_000, 0.1)),
  };
  const shares = shareUnderP90(types, { random, slots: 10, load: 0.9, runs: 5_000 });

  it.each(Object.keys(types))(
    'see 85 to 95 runs of 100 of the type %s under p90, from the first on',
    (type) => {
      expect(shares.get(type)).toBeGreaterThan(0.85);
      expect(shares.get(type)).toBeLessThan(0.95);
    },
  );
});

describe('the usual time', () => {
  it('is unknown with fewer than five runs', () => {
    expect(usualOf([1, 2, 3, 4])).toBeUndefined();
    expect(usualOf([1, 2, 3, 4, 5])).toMatchObject({ runs: 5 });
  });

  it('of constant work is that constant', () => {
    expect(usualOf(Array.from({ length: 7 }, () => 2_500))).toEqual({
      p50Seconds: 2.5,
      p90Seconds: 2.5,
      runs: 7,
    });
  });

  it('follows work that has become ten times slower after a seventh of the runs that it remembers', () => {
    const before = Array.from({ length: keptRuns }, () => 1_000);
    const after = Array.from({ length: keptRuns / 7 }, () => 10_000);

    const recentMs = [...before, ...after].slice(-keptRuns);

    expect(usualOf(recentMs)).toMatchObject({ p50Seconds: 1, p90Seconds: 10 });
  });

  it('is a number for whatever was measured, and p90 is not below p50', () => {
    const duration = fc.oneof(fc.constant(0), fc.float({ min: 0, max: Math.fround(1e10), noNaN: true }));

    fc.assert(
      fc.property(fc.array(duration, { minLength: fewestRuns, maxLength: keptRuns }), (recentMs) => {
        const { p50Seconds, p90Seconds } = usualOf(recentMs) ?? { p50Seconds: -1, p90Seconds: -2 };

        expect(p50Seconds).toBeGreaterThanOrEqual(0);
        expect(p90Seconds).toBeGreaterThanOrEqual(p50Seconds);
        expect(Number.isFinite(p90Seconds)).toBe(true);
      }),
    );
  });
});
