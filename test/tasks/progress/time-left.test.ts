/**
 * The time left of generated runs, replayed through the code that tells it, with a simulated clock. Readers who
 * count down from `updatedAt`, as the contract has it, and readers who do not are judged alike.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { TimeLeft } from '../../../src/tasks/progress/time-left.ts';
import { type Case, families, randomFrom, unforeseeable } from '../../support/run-families.ts';
import { type Judgement, judge, replay } from '../../support/runs.ts';

const runs = 25;

function judgeAll(family: (random: () => number) => Case, seed: number): Judgement[] {
  return Array.from({ length: runs }, (_, index) => {
    const { run, fromMs } = family(randomFrom(1000 * seed + index));
    return judge(run, replay(run), fromMs);
  });
}

describe.each(Object.entries(families))('the time left of %s', (_name, family) => {
  let judgements: Judgement[];

  beforeAll(() => {
    judgements = judgeAll(family, 1);
  });

  it('is right within a factor of 2 for at least 80 % of the run, after a tenth of it', () => {
    for (const { rightShare, rightShareCountedDown } of judgements) {
      expect(Math.min(rightShare, rightShareCountedDown)).toBeGreaterThanOrEqual(0.8);
    }
  });

  it('grows by more than a fifth at most once, in words and in the JSON', () => {
    for (const { growths, jsonGrowths } of judgements) {
      expect(Math.max(growths, jsonGrowths)).toBeLessThanOrEqual(1);
    }
  });
});

describe('the time left of work whose rest nobody can know', () => {
  it('is longer than the truth where a burst comes last', () => {
    for (const { least } of judgeAll(unforeseeable['a burst last'], 2)) expect(least).toBeGreaterThan(1);
  });

  it('is at least a quarter of the truth in most runs where a few units take very long', () => {
    const runsBelow = judgeAll(unforeseeable['units of which a few take very long'], 3).filter(
      ({ least }) => least < 0.25,
    );

    expect(runsBelow.length).toBeLessThanOrEqual(runs / 10);
  });
});

/** The seconds left after samples of [seconds, done]; the work began at 0. */
function leftAfter(
  total: number,
  samples: readonly (readonly [second: number, done: number])[],
  startedAtMs: number | undefined = 0,
): number | null {
  const timeLeft = new TimeLeft(startedAtMs);
  return samples.map(([second, done]) => timeLeft.sample(done, total, 1000 * second)).at(-1) ?? null;
}

/** Samples of a constant pace, one a second. */
function steady(fromSecond: number, toSecond: number, perSecond: number, before = 0): [number, number][] {
  const seconds = Array.from({ length: toSecond - fromSecond }, (_, index) => fromSecond + index + 1);
  return seconds.map((second) => [second, before + perSecond * (second - fromSecond)]);
}

describe('the time left', () => {
  it('is exact where the pace is constant', () => {
    expect(leftAfter(1000, steady(0, 100, 3))).toBeCloseTo(700 / 3);
  });

  it('is unknown for the first second, and until a fortieth is done or a minute has passed', () => {
    expect(leftAfter(10, [[0.9, 1]])).toBeNull();
    expect(leftAfter(10, [[1, 1]])).toBeCloseTo(9);
    expect(leftAfter(100_000, steady(0, 59, 1))).toBeNull();
    expect(leftAfter(100_000, steady(0, 60, 1))).toBeCloseTo(99_940);
  });

  it('is known from the first of a few long units on', () => {
    expect(leftAfter(10, [[60, 1]])).toBeCloseTo(540);
  });

  it('counts no burst: 900 of 1,000 at once, then 3 a second', () => {
    const samples: [number, number][] = [[0.1, 900], ...steady(0, 15, 3, 900)];

    expect(leftAfter(1000, samples.slice(0, 3))).toBeNull();
    expect(leftAfter(1000, samples)).toBeCloseTo(55 / 3, 0);
  });

  it('counts no burst before units that take a minute each', () => {
    expect(leftAfter(10, [[0.1, 5], [60, 6], [120, 7]])).toBeCloseTo(180, 0); // biome-ignore format: one line says it
  });

  it('counts what was prepared before the first progress until the pace is known', () => {
    expect(leftAfter(100, [[0, 0], ...steady(300, 310, 1)])).toBeCloseTo(90);
  });

  it('counts nothing that earlier attempts did', () => {
    expect(leftAfter(2000, [[1, 1000], ...steady(1, 30, 10, 1000)], undefined)).toBeCloseTo(71);
  });

  it('is about the new total where the total changes', () => {
    const timeLeft = new TimeLeft(0);
    for (const [second, done] of steady(0, 50, 1)) timeLeft.sample(done, 100, 1000 * second);

    expect(timeLeft.sample(50, 500, 50_100)).toBeCloseTo(450);
    expect(timeLeft.sample(50, 0, 50_200)).toBeNull();
    expect(timeLeft.sample(50, 60, 50_300)).toBeCloseTo(10);
    expect(timeLeft.sample(60, 60, 60_000)).toBeNull();
  });

  it('is that of the last progress while nothing moves', () => {
    expect(leftAfter(100, [...steady(0, 50, 1), [80, 50], [110, 50]])).toBeCloseTo(50);
  });

  it('goes on where a pause turns out to be one', () => {
    const samples: [number, number][] = [];
    for (let period = 0; period < 10; period += 1) {
      samples.push(...steady(40 * period, 40 * period + 20, 10, 240 * period));
      samples.push(...steady(40 * period + 20, 40 * period + 40, 2, 240 * period + 200));
    }

    expect(leftAfter(4800, samples)).toBeGreaterThan(300);
    expect(leftAfter(4800, samples)).toBeLessThan(500);
  });

  it('is never negative, infinite or no number', () => {
    const steps = fc.array(fc.tuple(fc.nat(Number.MAX_SAFE_INTEGER), fc.nat(10_000_000)), { maxLength: 200 });
    const start = fc.option(fc.constant(0), { nil: undefined });

    fc.assert(
      fc.property(steps, fc.nat(Number.MAX_SAFE_INTEGER), start, (samples, total, startedAtMs) => {
        const dones = samples.map(([done]) => done).sort((a, b) => a - b);
        const times = samples.map(([, at]) => at).sort((a, b) => a - b);
        const timeLeft = new TimeLeft(startedAtMs);
        for (const [index, done] of dones.entries()) {
          const seconds = timeLeft.sample(done, total, times[index] ?? 0);
          expect(seconds === null || (Number.isFinite(seconds) && seconds >= 0)).toBe(true);
        }
      }),
    );
  });
});
