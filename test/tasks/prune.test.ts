import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { chunkBytes, Upload } from '../../src/tasks/files/files.ts';
import { retryTask } from '../../src/tasks/life/retry.ts';
import { parseDuration } from '../../src/tasks/upkeep/duration.ts';
import { type PruneFilter, prune, surveyPrune, timeAgo } from '../../src/tasks/upkeep/prune.ts';
import { addFinished } from '../support/finished.ts';
import { violations } from '../support/invariants.ts';
import { openTransaction } from '../support/locks.ts';
import { submit } from '../support/service.ts';
import { runTask, useStore } from '../support/tasks.ts';

const store = useStore();
const add = (options: Parameters<typeof addFinished>[1]) => addFinished(store.db.pool, options);
const everyStatus = ['succeeded', 'failed', 'cancelled'] as const;

/** A filter for tasks that finished at least this long ago. */
async function filterFor(olderThan: string, others: Partial<PruneFilter> = {}): Promise<PruneFilter> {
  const finishedBy = await timeAgo(store.db.pool, parseDuration(olderThan));
  return { finishedBy, statuses: everyStatus, ...others };
}

const ids = async () =>
  (await store.db.prisma.taskState.findMany({ select: { id: true } })).map(({ id }) => id).sort();

describe('prune', () => {
  it('deletes tasks that finished that long ago, with their history, and nothing else', async () => {
    for (const status of everyStatus) await add({ count: 700, status, finishedDaysAgo: 31 });
    const recent = await add({ count: 5, finishedDaysAgo: 29 });
    const running = await runTask(store);
    const queued = await submit(store, 'noop', null);
    const counts: number[] = [];

    const deleted = await prune(store.db.pool, await filterFor('30d'), { onBatch: (n) => counts.push(n) });

    expect(deleted).toBe(2100);
    expect(counts).toEqual([500, 700, 1200, 1400, 1900, 2100]);
    expect(await ids()).toEqual([...recent, running.taskId, queued.id].sort());
    expect(await violations(store)).toEqual([]);
  });

  it.each([
    ['a status', { statuses: ['failed'] }, 3],
    ['two statuses', { statuses: ['failed', 'cancelled'] }, 7],
    ['a status said twice', { statuses: ['failed', 'failed'] }, 3],
    ['a type', { types: ['counts'] }, 5],
    ['two types', { types: ['counts', 'noop'] }, 12],
    ['a group', { group: 'x' }, 2],
    ['all of them', { statuses: ['succeeded'], types: ['waits'], group: 'x' }, 2],
    ['a type that does not exist', { types: ['nothing'] }, 0],
  ] satisfies [string, Partial<PruneFilter>, number][])(
    'deletes only tasks of %s',
    async (_what, chosen, count) => {
      await add({ count: 3, status: 'failed' });
      await add({ count: 4, status: 'cancelled' });
      await add({ count: 5, type: 'counts' });
      await add({ count: 2, type: 'waits', group: 'x' });
      const filter = await filterFor('1d', chosen);

      expect(await surveyPrune(store.db.pool, filter)).toMatchObject({ tasks: count });
      expect(await prune(store.db.pool, filter)).toBe(count);

      expect(await ids()).toHaveLength(14 - count);
      expect(await violations(store)).toEqual([]);
    },
  );

  it('counts from the end of a task, not from its beginning', async () => {
    const [old = ''] = await add({ count: 1, finishedDaysAgo: 2 });
    await store.db.pool.query(`UPDATE task_state SET created_at = now() - interval '90 days' WHERE id = $1`, [
      old,
    ]);

    expect(await prune(store.db.pool, await filterFor('30d'))).toBe(0);
    expect(await prune(store.db.pool, await filterFor('1d'))).toBe(1);
  });

  it('counts months by the calendar', async () => {
    const byPostgres = async () => {
      const { rows } = await store.db.pool.query<{ time: Date }>(
        `SELECT (now() AT TIME ZONE 'UTC' - interval '14 months') AT TIME ZONE 'UTC' AS time`,
      );
      return rows[0]?.time.getTime() ?? 0;
    };
    const before = await byPostgres();

    const time = (await timeAgo(store.db.pool, parseDuration('P1Y2M'))).getTime();

    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(await byPostgres());
  });

  it('says beforehand how much it would delete, and names the ten oldest tasks', async () => {
    const [oldest = ''] = await add({ count: 1, status: 'failed', finishedDaysAgo: 90 });
    await add({ count: 20, finishedDaysAgo: 50 });
    const upload = await Upload.begin(store, { name: 'a', contentType: 'text/csv' });
    await upload.write(randomBytes(chunkBytes));
    await upload.finish();
    await store.db.pool.query('UPDATE file SET task_id = $1, completed_at = now(), size = $2', [
      oldest,
      chunkBytes,
    ]);

    const survey = await surveyPrune(store.db.pool, await filterFor('30d'));

    expect(survey).toMatchObject({ tasks: 21, files: 1, bytes: { files: chunkBytes } });
    expect(survey.bytes.rows).toBeGreaterThan(21 * 100);
    expect(survey.bytes.history).toBeGreaterThan(21 * 100);
    expect(survey.sample).toHaveLength(10);
    expect(survey.sample[0]).toMatchObject({ id: oldest, status: 'failed', type: 'noop', title: 'Number 1' });
  });

  it('keeps a task that is retried between the survey and the deletion, and waits for nobody', async () => {
    const [retried = '', held = ''] = await add({ count: 10, status: 'failed' });
    const filter = await filterFor('1d');
    expect(await surveyPrune(store.db.pool, filter)).toMatchObject({ tasks: 10 });
    await retryTask(store, retried, 'checkpoint');
    await using person = await openTransaction(store);
    await person.query(
      `UPDATE task_state SET status = 'queued', entry_id = gen_random_uuid(), finished_at = NULL WHERE id = $1`,
      [held],
    );

    expect(await prune(store.db.pool, filter)).toBe(8);
    await person.query('COMMIT');

    expect(await ids()).toEqual([retried, held].sort());
    expect(await prune(store.db.pool, filter)).toBe(0);
  });

  it('stops between two batches when it is told to', async () => {
    await add({ count: 1200 });

    const deleted = await prune(store.db.pool, await filterFor('1d'), { signal: AbortSignal.abort() });

    expect(deleted).toBe(500);
    expect(await ids()).toHaveLength(700);
    expect(await violations(store)).toEqual([]);
  });

  it('deletes each task once where two people prune at the same time', async () => {
    await add({ count: 3000 });
    const filter = await filterFor('1d');

    const counts = await Promise.all([prune(store.db.pool, filter), prune(store.db.pool, filter)]);

    expect(counts[0] + counts[1]).toBe(3000);
    expect(await ids()).toEqual([]);
  });
});
