import { describe, expect, it } from 'vitest';
import { bucketSql, percentileMs } from '../../../src/tasks/tally/histogram.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();

describe('a bucket', () => {
  it('holds durations that differ by less than a tenth, from one millisecond to a month', async () => {
    const { rows } = await store.db.pool.query<{ bucket: number; low: number; high: number }>(
      `SELECT ${bucketSql('ms')} AS bucket, min(ms)::float8 AS low, max(ms)::float8 AS high
       FROM (SELECT (1.01::float8 ^ n)::real AS ms FROM generate_series(0, 2184) AS n) AS durations
       GROUP BY bucket ORDER BY bucket`,
    );

    expect([rows[0]?.bucket, rows[0]?.low]).toEqual([0, 1]);
    expect(rows.at(-1)?.high).toBeGreaterThan(30 * 24 * 3600 * 1000);
    expect(rows.length).toBeLessThan(230);
    for (const { low, high } of rows) expect(high / low).toBeLessThan(1.1);
  });

  it('is the first for whatever is shorter than a millisecond', async () => {
    const { rows } = await store.db.pool.query(
      `SELECT DISTINCT ${bucketSql('ms')} AS bucket FROM unnest(ARRAY[0, 0.2, 1]::real[]) AS ms`,
    );

    expect(rows).toEqual([{ bucket: 0 }]);
  });
});

describe('a percentile', () => {
  it('lies in the bucket in which the sought duration lies', () => {
    const histogram = { buckets: [10, 20, 50], counts: [5, 4, 1] };

    const places = [0.1, 0.5, 0.51, 0.9, 0.91, 1].map((q) => {
      const ms = percentileMs(histogram, q) ?? Number.NaN;
      return Math.ceil(Math.log(ms) / Math.log(1.1) - 1e-9) - 1;
    });

    expect(places).toEqual([10, 10, 20, 20, 50, 50]);
  });

  it('of nothing is unknown', () => {
    expect(percentileMs({ buckets: [], counts: [] }, 0.5)).toBeUndefined();
  });
});
