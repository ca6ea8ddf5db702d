/** Simulates work that comes all the time, to compare the usual times that its claims know with what runs really take. */
import { keptRuns, type Usual, usualOf } from '../../src/tasks/tally/usual.ts';

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export interface SteadyLoad {
  readonly random: () => number;
  readonly slots: number;
  /** The share of the slots that is busy on average. */
  readonly load: number;
  /** Of all types together, which take turns. */
  readonly runs: number;
}

interface Ended {
  readonly type: string;
  readonly atMs: number;
  readonly ms: number;
}

const foldMs = 5_000;

/**
 * The share of the runs of each type that took no longer than the p90 with which they began. Tasks come at random, and
 * take the first slot that is free; what has ended is folded every 5 s.
 * @param types draws the next run time in ms
 */
export function shareUnderP90(
  types: Readonly<Record<string, () => number>>,
  { random, slots, load, runs }: SteadyLoad,
): Map<string, number> {
  const names = Object.keys(types);
  const drawn = Array.from({ length: runs }, (_, place) => {
    const type = names[place % names.length] ?? '';
    return { type, ms: types[type]?.() ?? 0 };
  });
  const meanMs = drawn.reduce((sum, { ms }) => sum + ms, 0) / runs;
  const freeAtMs = Array.from({ length: slots }, () => 0);
  const recentMs = new Map<string, number[]>(names.map((type) => [type, []]));
  const usual = new Map<string, Usual | undefined>();
  const judged = new Map(names.map((type) => [type, { under: 0, all: 0 }]));
  let ended: Ended[] = [];
  let arrivedMs = 0;
  let foldedMs = 0;
  for (const { type, ms } of drawn) {
    arrivedMs += (-Math.log(1 - random()) * meanMs) / (slots * load);
    freeAtMs.sort((a, b) => a - b);
    const startedMs = Math.max(arrivedMs, freeAtMs[0] ?? 0);
    if (startedMs >= foldedMs + foldMs) {
      foldedMs = Math.floor(startedMs / foldMs) * foldMs;
      const folded = ended.filter(({ atMs }) => atMs <= foldedMs).sort((a, b) => a.atMs - b.atMs);
      ended = ended.filter(({ atMs }) => atMs > foldedMs);
      for (const run of folded) recentMs.get(run.type)?.push(run.ms);
      for (const [name, known] of recentMs) usual.set(name, usualOf(known.slice(-keptRuns)));
    }
    const known = usual.get(type);
    const count = judged.get(type);
    if (known && count) {
      count.all += 1;
      if (ms <= 1000 * known.p90Seconds) count.under += 1;
    }
    freeAtMs[0] = startedMs + ms;
    ended.push({ type, atMs: startedMs + ms, ms });
  }
  return new Map([...judged].map(([type, { under, all }]) => [type, under / all]));
}
