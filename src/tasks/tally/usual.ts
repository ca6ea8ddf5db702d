/** How long the tasks of a type usually take, from the run times of the latest that succeeded. */

export interface Usual {
  readonly p50Seconds: number;
  readonly p90Seconds: number;
  readonly runs: number;
}

/**
 * From so many runs the usual time is known. Fewer say little: the longest of 4 is exceeded by one run in 5, and
 * what is beyond the longest can only be guessed.
 */
export const fewestRuns = 5;

/**
 * So many runs are remembered. The more there are, the less chance is in the numbers; the fewer there are, the
 * sooner the numbers follow when the work has changed. With 100, nine runs of ten are under `p90Seconds` give or
 * take 3 %, and ten slower runs raise it.
 */
export const keptRuns = 100;

/** Undefined while too few runs are known. */
export function usualOf(recentMs: readonly number[]): Usual | undefined {
  if (recentMs.length < fewestRuns) return undefined;
  const sorted = recentMs.toSorted((a, b) => a - b);
  return {
    p50Seconds: Math.round(quantile(sorted, 0.5)) / 1000,
    p90Seconds: Math.round(quantile(sorted, 0.9)) / 1000,
    runs: sorted.length,
  };
}

/**
 * The value that the next one does not exceed with the probability `q`: of n values in order, the one at the place
 * q × (n + 1), whatever their distribution. Fewer than 9 values have no place for 0.9: there it lies beyond the
 * longest, by a part of the step between the two longest.
 */
function quantile(sorted: readonly number[], q: number): number {
  const place = q * (sorted.length + 1);
  const whole = Math.min(Math.floor(place), sorted.length);
  const at = sorted[whole - 1] ?? 0;
  const next = sorted[whole];
  if (next !== undefined) return at + (place - whole) * (next - at);
  const before = sorted[whole - 2] ?? 0;
  return before === 0 ? at : at * (at / before) ** (place - whole);
}
