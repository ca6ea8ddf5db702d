/**
 * Histograms of durations in steps of 10 %. The bucket number n holds the durations from 1.1^n ms up to 1.1^(n+1)
 * ms; the first one also holds all that are shorter. 227 buckets reach up to 30 days, of which a few dozen are in
 * use, so only those that are not empty are stored.
 */

const step = 1.1;

export interface Histogram {
  /** The numbers of the buckets that are not empty, in rising order. */
  readonly buckets: readonly number[];
  /** How many durations are in each. */
  readonly counts: readonly number[];
}

/**
 * SQL of the bucket of a duration.
 * @param ms SQL of a number of milliseconds
 */
export function bucketSql(ms: string): string {
  return `floor(ln(greatest(${ms}, 1)::float8) / ${Math.log(step)}::float8)::smallint`;
}

/**
 * The duration in ms that the share `q` of all durations does not exceed; undefined for an empty histogram. The
 * exact one lies in the same bucket, so the two differ by less than a tenth.
 */
export function percentileMs({ buckets, counts }: Histogram, q: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [place, bucket] of buckets.entries()) {
    const count = counts[place] ?? 0;
    if (below + count >= q * total) return step ** (bucket + (q * total - below) / count);
    below += count;
  }
  return undefined;
}
