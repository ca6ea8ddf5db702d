/** A million ends, through the fold. */
import { describe, expect, it } from 'vitest';
import { foldTally } from '../../../src/tasks/tally/fold.ts';
import { percentileMs } from '../../../src/tasks/tally/histogram.ts';
import { coarsen, readSince } from '../../../src/tasks/tally/minutes.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();
const million = 1_000_000;
const shares = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/** SQL of run times in ms, by type. */
const kinds = {
  constant: '1234.5',
  uniform: '10 + 100000 * random()',
  'log-normal': 'exp(8 + 1.5 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))',
  bimodal: 'CASE WHEN random() < 0.8 THEN 50 + 20 * random() ELSE 3600000 * (1 + random()) END',
};

/** Adds a million ends of a type, 20 in a row of the tally, over the last half hour; returns exact percentiles. */
async function addMillion(type: string, ms: string): Promise<number[]> {
  await store.db.pool.query(
    `INSERT INTO task_tally (at, type, outcome, is_whole, durations_ms)
     SELECT now() - make_interval(secs => number % 1800), $1, 'succeeded', TRUE,
            ARRAY(SELECT (${ms})::real FROM generate_series(1, 20) AS one WHERE number > 0)
     FROM generate_series(1, $2::int / 20) AS number`,
    [type, million],
  );
  const { rows } = await store.db.pool.query<{ exact: number[] }>(
    `SELECT percentile_disc($2::float8[]) WITHIN GROUP (ORDER BY ms)::float8[] AS exact
     FROM task_tally CROSS JOIN unnest(durations_ms) AS ms WHERE type = $1`,
    [type, shares],
  );
  return rows[0]?.exact ?? [];
}

describe.each(Object.entries(kinds))('a million ends whose run time is %s', (type, ms) => {
  it('have percentiles within 10 % of the exact ones, also when their minutes have become days', async () => {
    const exact = await addMillion(type, ms);
    const since = new Date(Date.now() - 3_600_000);
    const deviations = async (from: Date) => {
      const [ends] = await readSince(store.db.pool, from);
      expect(ends?.count).toBe(million);
      return shares.map((share, place) => {
        const told = percentileMs(ends ?? { buckets: [], counts: [] }, share) ?? Number.NaN;
        return Math.abs(told / (exact[place] ?? Number.NaN) - 1);
      });
    };

    expect(await foldTally(store.db.pool)).toBe(million / 20);

    expect(Math.max(...(await deviations(since)))).toBeLessThan(0.1);
    const rows = await store.db.prisma.taskMinute.count();
    expect(rows).toBeLessThanOrEqual(32);

    await store.db.pool.query(`UPDATE task_minute SET start = start - interval '30 days'`);
    await coarsen(store.db.pool);

    expect(await store.db.prisma.taskMinute.count()).toBeLessThanOrEqual(2);
    const monthAgo = new Date(since.getTime() - 30 * 24 * 3_600_000);
    expect(Math.max(...(await deviations(monthAgo)))).toBeLessThan(0.1);
  });
});
