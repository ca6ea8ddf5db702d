import { afterEach, beforeEach, expect, test, vi } from 'vitest';

type Motion = ReturnType<typeof import('../../public/motion.js').createMotion>;

let modules = 0;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('requestAnimationFrame', (step: (atMs: number) => void) =>
    setTimeout(() => step(performance.now()), 16),
  );
  vi.stubGlobal('cancelAnimationFrame', clearTimeout);
  vi.stubGlobal('document', { hidden: false, addEventListener() {} });
  stubStillness(false);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Whether the reader wants no motion. */
function stubStillness(matches: boolean) {
  vi.stubGlobal('matchMedia', () => ({ matches }));
}

async function start(percent: number) {
  // Loads the module again, as it asks only once whether motion is wanted.
  modules += 1;
  const url = `../../public/motion.js?${modules}`;
  const { createMotion } = (await import(url)) as typeof import('../../public/motion.js');
  const shown: number[] = [];
  const motion = createMotion(({ percent }) => shown.push(percent), { stepPercent: 0.05 });
  motion.jump({ percent, done: null });
  return { motion, shown };
}

/** Reports the percentages `ms` apart; returns where the bar was, every 100 ms. */
function report({ motion, shown }: { motion: Motion; shown: number[] }, percents: number[], ms: number) {
  return percents.map((percent) => {
    motion.moveTo({ percent, done: null });
    return Array.from({ length: ms / 100 }, () => {
      vi.advanceTimersByTime(100);
      return shown.at(-1) ?? 0;
    });
  });
}

test.each([2000, 5000, 12_000])(
  'with reports %d ms apart, the bar moves all the time, and never past what was reported',
  async (ms) => {
    const reported = [10, 20, 30, 40, 50, 60];

    const ways = report(await start(0), reported, ms);

    const known = ways.slice(3).flat();
    expect(new Set(known).size).toBe(known.length);
    expect(ways.flat()).toEqual(ways.flat().toSorted((a, b) => a - b));
    expect(ways.map((way, index) => Math.max(...way) <= (reported[index] ?? 0))).not.toContain(false);
  },
);

test('the bar glides to its end in 300 ms', async () => {
  const { motion, shown } = await start(40);

  motion.endAt({ percent: 100, done: null });
  vi.advanceTimersByTime(150);
  const halfway = shown.at(-1);
  vi.advanceTimersByTime(170);

  expect(halfway).toBeGreaterThan(60);
  expect(halfway).toBeLessThan(80);
  expect(shown.at(-1)).toBe(100);
});

test('the bar jumps to its end for a reader who wants no motion', async () => {
  stubStillness(true);
  const { motion, shown } = await start(40);

  motion.endAt({ percent: 100, done: null });

  expect(shown).toEqual([40, 100]);
});
