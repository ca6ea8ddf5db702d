import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateEstimator } from '../../../src/tasks/progress/rate.ts';

/** The last rate after samples of [done, ms]. */
function rateAfter(samples: readonly (readonly [done: number, atMs: number])[]): number | null {
  const rate = new RateEstimator();
  return samples.map(([done, atMs]) => rate.sample(done, atMs)).at(-1) ?? null;
}

/** Samples of a constant speed, with these gaps between them. */
function constantSpeed(perSecond: number, gapsMs: readonly number[], from = 0): [number, number][] {
  let atMs = 1_000_000;
  return [0, ...gapsMs].map((gap) => {
    atMs += gap;
    return [from + (perSecond * (atMs - 1_000_000)) / 1000, atMs];
  });
}

const gaps = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 50 });

describe('the rate', () => {
  it('is unknown for the first second', () => {
    expect(rateAfter([[0, 0]])).toBeNull();
    expect(rateAfter(constantSpeed(100, [999]))).toBeNull();
    expect(rateAfter(constantSpeed(100, [1000]))).toBeCloseTo(100);
  });

  it('is the speed where the speed is constant, however uneven the samples', () => {
    fc.assert(
      fc.property(gaps, fc.double({ min: 0.001, max: 1e9, noNaN: true }), (gapsMs, perSecond) => {
        const rate = rateAfter(constantSpeed(perSecond, [...gapsMs, 1000]));

        expect((rate ?? 0) / perSecond).toBeCloseTo(1, 6);
      }),
    );
  });

  it('does not count what an earlier attempt did', () => {
    expect(rateAfter(constantSpeed(100, [1000, 1000], 5_000_000))).toBeCloseTo(100);
  });

  it('is unknown while nothing moves, and falls when it stops', () => {
    expect(rateAfter([[7, 0], [7, 5000]])).toBeNull(); // biome-ignore format: one line says it
    const before = rateAfter(constantSpeed(100, [1000, 1000]));
    const after = rateAfter([...constantSpeed(100, [1000, 1000]), [200, 1_012_000]]);

    expect(after).toBeLessThan((before ?? 0) / 2);
    expect(after).toBeGreaterThan(0);
  });

  it('comes near a new speed within half a minute', () => {
    const slow = constantSpeed(
      100,
      Array.from({ length: 60 }, () => 500),
    );
    const fast = Array.from({ length: 60 }, (_, i): [number, number] => [
      3000 + (i + 1) * 500,
      1_030_000 + (i + 1) * 500,
    ]);

    const rate = rateAfter([...slow, ...fast]);

    expect(rate).toBeGreaterThan(900);
    expect(rate).toBeLessThan(1000);
  });

  it('does not jump because of one late sample', () => {
    const steady = constantSpeed(
      100,
      Array.from({ length: 40 }, () => 500),
    );

    const rate = rateAfter([...steady, [2400, 1_020_001]]);

    expect(rate).toBeLessThan(200);
  });

  it('survives two samples at one time', () => {
    expect(rateAfter([[0, 0], [100, 1000], [150, 1000]])).toBeCloseTo(100); // biome-ignore format: one line says it
  });

  it('is never negative, infinite or no number', () => {
    const steps = fc.array(fc.tuple(fc.nat(Number.MAX_SAFE_INTEGER), fc.nat(100_000)), { maxLength: 40 });

    fc.assert(
      fc.property(steps, (samples) => {
        const dones = samples.map(([done]) => done).sort((a, b) => a - b);
        const times = samples.map(([, at]) => at).sort((a, b) => a - b);
        const rate = rateAfter(dones.map((done, i) => [done, times[i] ?? 0]));

        expect(rate === null || (Number.isFinite(rate) && rate > 0)).toBe(true);
      }),
    );
  });
});
