/** Minutes become hours and days, so that their table stays small, and no attempt is lost or doubled by it. */
import { describe, expect, it } from 'vitest';
import { foldTally } from '../../../src/tasks/tally/fold.ts';
import { coarsen, readSince } from '../../../src/tasks/tally/minutes.ts';
import { openTransaction } from '../../support/locks.ts';
import { addTallied, counted } from '../../support/tally.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();
const sql = (text: string, values: unknown[] = []) => store.db.pool.query(text, values);

/** One attempt of 100 ms and one of a second in each minute from some days ago to others. */
async function addMinutes(fromDaysAgo: number, toDaysAgo: number, everyMinutes = 1): Promise<void> {
  await sql(
    `INSERT INTO task_minute (minutes, start, type, outcome, count, total_ms, buckets, counts)
     SELECT 1, minute, 'noop', 'succeeded', 2, 1100, '{48,72}', '{1,1}'
     FROM generate_series(date_trunc('day', now()) - make_interval(days => $1),
                          date_trunc('day', now()) - make_interval(days => $2) - interval '1 minute',
                          make_interval(mins => $3)) AS minute`,
    [fromDaysAgo, toDaysAgo, everyMinutes],
  );
}

async function spans(): Promise<Record<number, number>> {
  const { rows } = await sql('SELECT minutes, count(*)::int AS count FROM task_minute GROUP BY minutes');
  return Object.fromEntries(rows.map(({ minutes, count }) => [minutes, count]));
}

describe('minutes', () => {
  it('become spans of ten minutes after two hours, hours after two days, and days after two weeks', async () => {
    await addMinutes(4, 0);
    await addMinutes(17, 16);

    await coarsen(store.db.pool);

    const { 1: minutes = 0, 10: tens = 0, 60: hours = 0, 1440: days } = await spans();
    // How much of the last days has become longer spans depends on the time of day.
    expect(days).toBe(1);
    expect(minutes + 10 * tens + 60 * hours).toBe(4 * 1440);
    expect(minutes).toBeLessThan(120 + 10);
    expect(tens).toBeLessThan((48 * 60) / 10 + 6);
    expect(hours).toBeGreaterThanOrEqual(24);
    expect(await counted(store)).toEqual({ 'noop succeeded': 2 * 5 * 1440 });
    const [day] = await store.db.prisma.taskMinute.findMany({ where: { minutes: 1440 } });
    expect(day).toMatchObject({ count: 2880, buckets: [48, 72], counts: [1440, 1440] });
    expect(day?.totalMs).toBeCloseTo(1440 * 1100, 3);
  });

  it('of a year are at most 1,200 rows, however often they are made coarser', async () => {
    await addMinutes(3, 0);
    await addMinutes(400, 3, 20);

    await coarsen(store.db.pool);
    await coarsen(store.db.pool);

    const { 1: minutes = 0, 10: tens = 0, 60: hours = 0, 1440: days = 0 } = await spans();
    expect(days).toBeGreaterThan(340);
    expect(days + hours + tens + minutes).toBeLessThan(1_200);
  });

  it('that are folded late are added to their day', async () => {
    await addMinutes(17, 16);
    await coarsen(store.db.pool);
    await addTallied(store, 'noop', [[100]]);
    await sql(`UPDATE task_tally SET at = (SELECT start FROM task_minute)`);

    await foldTally(store.db.pool);
    await coarsen(store.db.pool);

    expect(await spans()).toEqual({ 1440: 1 });
    expect(await store.db.prisma.taskMinute.findFirst()).toMatchObject({
      count: 2881,
      counts: [1441, 1440],
    });
  });

  it('are left alone while another process folds', async () => {
    await addMinutes(17, 16);
    await using other = await openTransaction(store);
    await other.query('SELECT pg_advisory_xact_lock(1212503, 3)');

    await coarsen(store.db.pool);

    expect(await spans()).toEqual({ 1: 1440 });
  });
});

describe('what happened since a time', () => {
  it('is told of each type and outcome, over minutes, hours and days', async () => {
    await addMinutes(17, 0, 30);
    await coarsen(store.db.pool);
    await addTallied(store, 'other', [[5]]);
    await foldTally(store.db.pool);

    const [all, other] = await readSince(store.db.pool, new Date(0));
    const [none, recent] = await readSince(store.db.pool, new Date(Date.now() - 60_000));

    expect(all).toMatchObject({ type: 'noop', outcome: 'succeeded', count: 17 * 48 * 2 });
    expect(other).toMatchObject({ type: 'other', count: 1, totalMs: 5, buckets: [16], counts: [1] });
    expect([none?.type, recent]).toEqual(['other', undefined]);
  });
});
