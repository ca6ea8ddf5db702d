/** Folding the tally: nothing is counted twice or left out, and nobody waits for anybody. */
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { openPool as openRunnerPool } from '../../../src/database/database.ts';
import { type AttemptRef, fail, succeedAlone, succeedWithin } from '../../../src/tasks/life/end.ts';
import { foldTally } from '../../../src/tasks/tally/fold.ts';
import { TallyKeeper } from '../../../src/tasks/tally/keeper.ts';
import { readSince } from '../../../src/tasks/tally/minutes.ts';
import { failure, success } from '../../support/ends.ts';
import { eventually } from '../../support/eventually.ts';
import { openConnection, openTransaction } from '../../support/locks.ts';
import { addRunning, addTallied, counted, unfolded } from '../../support/tally.ts';
import { patient, useStore } from '../../support/tasks.ts';

const store = useStore();
const tenTypes = Array.from({ length: 10 }, (_, number) => `type-${number}`);

const end = (attempt: AttemptRef) => success(attempt);
const giveUp = (attempt: AttemptRef) => failure(attempt, { outcome: 'permanent' });

/** A pool with a connection for each of ten runners. */
function openPool(url: string) {
  const pool = openRunnerPool(url, { name: 'ten runners', connections: 10, settings: patient });
  return { pool, [Symbol.asyncDispose]: () => pool.end() };
}

describe('ten runners that end attempts of ten types at once', () => {
  it('never deadlock, and each end is counted once, whatever is folded meanwhile', async () => {
    const attempts = await addRunning(store, tenTypes, 60);
    await using pool = openPool(store.url);
    const runners = Array.from({ length: 10 }, (_, runner) =>
      attempts.filter((_attempt, place) => place % 10 === runner),
    );
    let isEnding = true;
    const folding = Promise.all(
      [1, 2].map(async () => {
        while (isEnding) await foldTally(store.db.pool);
      }),
    );

    await Promise.all(
      runners.map(async (running, runner) => {
        const ownStore = { ...store, db: { ...store.db, pool: pool.pool } };
        for (let from = 0; from < running.length; from += 10) {
          const batch = running.slice(from, from + 10);
          const ended =
            runner % 2 === 0
              ? await succeedAlone(ownStore, batch.map(end))
              : await fail(ownStore, batch.map(giveUp));
          expect(ended).toHaveLength(10);
        }
      }),
    );
    isEnding = false;
    await folding;
    await foldTally(store.db.pool);

    const both = tenTypes.flatMap((type) => [`${type} failed`, `${type} succeeded`]);
    expect(await counted(store)).toEqual(Object.fromEntries(both.map((what) => [what, 30])));
    expect(await unfolded(store)).toBe(0);
  });

  it('wait for none that hangs between its write and its COMMIT, and neither does the fold', async () => {
    const frozen = await addRunning(store, tenTypes, 1);
    const others = await addRunning(store, tenTypes, 1);
    await using runner = await openTransaction(store);
    for (const attempt of frozen) {
      await succeedWithin(
        store,
        end(attempt),
        async (text, values) => (await runner.query(text, values)).rows,
      );
    }

    expect(await succeedAlone(store, others.map(end))).toHaveLength(10);
    expect(await foldTally(store.db.pool)).toBe(10);
    expect(Object.values(await counted(store))).toEqual(tenTypes.map(() => 1));
    await runner.query('COMMIT');

    expect(await foldTally(store.db.pool)).toBe(10);
    expect(Object.values(await counted(store))).toEqual(tenTypes.map(() => 2));
  });
});

describe('a fold', () => {
  it('that is killed in the middle has changed nothing, and the next one counts all', async () => {
    await addTallied(store, 'noop', [[1, 2, 3], [4]]);
    await using gate = await openConnection(store);
    await gate.query('SELECT pg_advisory_lock(1)');
    await gate.query(`
      CREATE OR REPLACE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END';
      CREATE TRIGGER gate AFTER INSERT ON task_usual FOR EACH ROW EXECUTE FUNCTION hold_up()`);

    const killed = foldTally(store.db.pool).catch((error: Error) => error);
    const pid = await eventually(async () => {
      const { rows } = await gate.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows[0]?.pid;
    });
    await gate.query('SELECT pg_terminate_backend($1)', [pid]);
    expect(await killed).toBeInstanceOf(Error);
    await gate.query('SELECT pg_advisory_unlock_all()');
    await gate.query('DROP TRIGGER gate ON task_usual');

    expect(await unfolded(store)).toBe(2);
    expect(await foldTally(store.db.pool)).toBe(2);
    expect(await counted(store)).toEqual({ 'noop succeeded': 4 });
    expect((await store.db.prisma.taskUsual.findFirstOrThrow()).recentMs).toEqual([1, 2, 3, 4]);
  });

  it('is done by one process at a time', async () => {
    await addTallied(store, 'noop', [[1]]);
    await using other = await openTransaction(store);
    await other.query('SELECT pg_advisory_xact_lock(1212503, 3)');

    expect(await foldTally(store.db.pool)).toBe(0);
    await other.query('COMMIT');

    expect(await foldTally(store.db.pool)).toBe(1);
  });

  it('takes what has piled up in batches, and stops between two of them when it is told to', async () => {
    await addTallied(
      store,
      'noop',
      Array.from({ length: 5_000 }, (_, number) => [number, number]),
    );

    expect(await foldTally(store.db.pool, AbortSignal.abort())).toBe(2_000);
    expect(await unfolded(store)).toBe(3_000);
    expect(await foldTally(store.db.pool)).toBe(3_000);

    expect(await counted(store)).toEqual({ 'noop succeeded': 10_000 });
    const { recentMs } = await store.db.prisma.taskUsual.findFirstOrThrow();
    expect([recentMs.length, recentMs[0], recentMs[99]]).toEqual([100, 4_950, 4_999]);
  });

  it('counts each attempt in its minute, whenever it is folded', async () => {
    await addTallied(store, 'noop', [[10], [20, 30]]);
    await store.db.pool.query(`UPDATE task_tally SET at = '2026-03-01T12:00:59.999Z'`);
    await foldTally(store.db.pool);
    await addTallied(store, 'noop', [[10, 1_000]]);
    await store.db.pool.query(`UPDATE task_tally SET at = '2026-03-01T12:00:01Z'`);
    await addTallied(store, 'noop', [[40]]);
    await store.db.pool.query(
      `UPDATE task_tally SET at = '2026-03-01T12:01:00Z' WHERE cardinality(durations_ms) = 1`,
    );

    await foldTally(store.db.pool);

    const minutes = await store.db.prisma.taskMinute.findMany({ orderBy: { start: 'asc' } });
    expect(minutes.map(({ start, count, totalMs }) => [start.toISOString(), count, totalMs])).toEqual([
      ['2026-03-01T12:00:00.000Z', 5, 1_070],
      ['2026-03-01T12:01:00.000Z', 1, 40],
    ]);
    expect(minutes[0]).toMatchObject({ buckets: [24, 31, 35, 72], counts: [2, 1, 1, 1] });
  });

  it('goes on by itself in every parent', async () => {
    const keeper = new TallyKeeper({ db: store.db, log: pino({ level: 'silent' }), intervalMs: 20 });
    await addTallied(store, 'noop', [[1]]);

    keeper.start();

    await eventually(async () => (await unfolded(store)) === 0);
    await addTallied(store, 'noop', [[1]]);
    await eventually(async () => (await unfolded(store)) === 0);
    await keeper.stop();
    const [happened] = await readSince(store.db.pool, new Date(Date.now() - 60_000));
    expect(happened).toEqual({
      type: 'noop',
      outcome: 'succeeded',
      count: 2,
      totalMs: 2,
      buckets: [0],
      counts: [2],
    });
  });
});
