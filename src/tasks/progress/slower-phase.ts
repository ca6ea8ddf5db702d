/**
 * Finds out that the work has entered a slower phase, so that what was measured before says nothing of the
 * rest: 900 of 1,000 rows were already there, and the others take a second each.
 *
 * A phase is slower if every stretch in it is slower than the work before. Work that stops and goes is not: its
 * pauses are followed by stretches that are faster than the average.
 */
import { type Mark, rateBetween, stretchesOf } from './marks.ts';

/** A stretch counts as slower below this share of the rate before. */
const slowerShare = 0.7;
/**
 * How much slower the stretches must be in sum, in doublings of the time per unit: three stretches that take
 * twice as long are enough, where the stretches before were even. Where these differed, it takes more.
 */
const neededDoublings = 3;
/** A stretch proves no more than this, as it may contain a pause. So a phase has two stretches at least. */
const longestProof = 1.5;
const fewestStretches = 2;
/** How long the phase must have lasted: this share of the time before it, but no longer than `longestMs`. */
const neededTimeShare = 0.2;
const longestMs = 120_000;
/** A stretch that is so much faster than the rest of the phase belongs to both phases. */
const mixedRatio = 1.3;
const mostMixed = 2;

/**
 * Where the slower phase begins in which the work is now; undefined where it is in none.
 * @param leastMs how long the phase must have lasted at least
 * @returns the index of a mark
 */
export function startOfSlowerPhase(marks: readonly Mark[], leastMs: number): number | undefined {
  const [first] = marks;
  const last = marks.at(-1);
  const lastBut = marks.at(-2);
  if (!first || !last || !lastBut || marks.length < 2 + fewestStretches) return undefined;
  // This saves the search in most cases.
  if (rateBetween(lastBut, last) > slowerShare * rateBetween(first, last)) return undefined;
  const rates = stretchesOf(marks).map(([from, to]) => rateBetween(from, to));
  for (let index = 1; index <= rates.length - fewestStretches; index += 1) {
    if (last.atMs - (marks[index] as Mark).atMs < leastMs) return undefined;
    if (isSlowerFrom(index, marks, rates)) return withoutMixed(index, marks, rates);
  }
  return undefined;
}

function isSlowerFrom(index: number, marks: readonly Mark[], rates: readonly number[]): boolean {
  const [first, start, last] = [marks[0], marks[index], marks.at(-1)] as [Mark, Mark, Mark];
  const neededMs = neededTimeShare * (start.atMs - first.atMs);
  if (last.atMs - start.atMs < Math.min(longestMs, neededMs)) return false;
  const before = rateBetween(first, start);
  const since = rates.slice(index);
  if (since.some((rate) => rate > slowerShare * before)) return false;
  const doublings = sumOf(since.map((rate) => Math.min(longestProof, Math.log2(before / rate))));
  const differences = rates.slice(0, index).map((rate) => Math.abs(Math.log2(rate / before)));
  return doublings >= neededDoublings * (1 + Math.min(1, sumOf(differences) / index));
}

function withoutMixed(index: number, marks: readonly Mark[], rates: readonly number[]): number {
  const last = marks.at(-1) as Mark;
  const latest = Math.min(index + mostMixed, marks.length - 2);
  let start = index;
  while (
    start < latest &&
    (rates[start] as number) > mixedRatio * rateBetween(marks[start + 1] as Mark, last)
  ) {
    start += 1;
  }
  return start;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
