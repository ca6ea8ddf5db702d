import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/model/ids.ts';
import { terminalStatuses } from '../../src/tasks/model/state-machine.ts';
import { viewTask } from '../../src/tasks/model/view.ts';
import { type ListPosition, listTasks, type TaskFilter } from '../../src/tasks/queries/list.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { addFinished } from '../support/finished.ts';
import { plansOf, recordPlans, scansOf } from '../support/plans.ts';
import { administer } from '../support/server.ts';
import { openStore, submit } from '../support/service.ts';
import { clear, rowOf, runTask, useStore } from '../support/tasks.ts';
import { addUnfinished } from '../support/unfinished.ts';

const statuses = ['queued', 'running', ...terminalStatuses] as const;

describe('a list', () => {
  const store = useStore();

  interface Row {
    readonly id: string;
    readonly createdAt: Date;
    readonly status: (typeof statuses)[number];
    readonly type: string;
    readonly group: string | null;
  }

  /** Inserts the rows of tasks alone, without entries and history. */
  async function add(rows: readonly Row[]): Promise<void> {
    await store.db.prisma.taskState.createMany({
      data: rows.map((row) => ({
        ...row,
        title: row.type,
        input: {},
        inputDigest: 'x',
        maxAttempts: 1,
        percentDone: row.status === 'succeeded' ? 100 : 0,
        entryId: row.status === 'queued' ? newId() : null,
        finishedAt: row.status === 'queued' || row.status === 'running' ? null : row.createdAt,
      })),
    });
  }

  /** The ids that a page must have by its definition. */
  function modelPage(
    rows: readonly Row[],
    filter: TaskFilter,
    limit: number,
    after?: ListPosition,
  ): string[] {
    const place = ({ createdAt, id }: ListPosition) => `${createdAt.toISOString()} ${id}`;
    return rows
      .filter((row) => Object.entries(filter).every(([name, value]) => row[name as keyof Row] === value))
      .filter((row) => after === undefined || place(row) < place(after))
      .sort((a, b) => (place(a) < place(b) ? 1 : -1))
      .slice(0, limit)
      .map((row) => row.id);
  }

  const row = fc.record({
    id: fc.uuid(),
    // Only a few different times, so that many rows share one.
    createdAt: fc.integer({ min: 0, max: 5 }).map((ms) => new Date(Date.UTC(2026, 0, 1) + ms)),
    status: fc.constantFrom(...statuses),
    type: fc.constantFrom('a', 'a-b', 'z'),
    group: fc.constantFrom(null, 'g', 'G', 'ö %'),
  });
  const filter = fc.record(
    {
      status: fc.constantFrom(...statuses),
      type: fc.constantFrom('a', 'a-b', 'z', 'unknown'),
      group: fc.constantFrom('g', 'G', 'ö %', 'unknown'),
    },
    { requiredKeys: [] },
  );

  it('gives the pages that the model gives, whatever is submitted meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(row, { maxLength: 40, selector: ({ id }) => id }),
        fc.nat(40),
        filter,
        fc.integer({ min: 1, max: 6 }),
        async (rows, early, asked, limit) => {
          await clear(store);
          const there = rows.slice(0, early);
          const late = rows.slice(early);
          await add(there);
          const seen: string[] = [];
          let after: ListPosition | undefined;
          do {
            const page = await listTasks(store, asked, limit, after);
            expect(page.tasks.map(({ id }) => id)).toEqual(modelPage(there, asked, limit, after));
            seen.push(...page.tasks.map(({ id }) => id));
            after = page.next;
            const next = late.splice(0, 2);
            await add(next);
            there.push(...next);
          } while (after);

          const first = rows.slice(0, early);
          expect(new Set(seen).size).toBe(seen.length);
          expect(seen.filter((id) => first.some((row) => row.id === id))).toEqual(
            modelPage(first, asked, rows.length),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('goes on at the same position when the last task of the page is deleted', async () => {
    const ids = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await submit(store, 'noop', { n })).id);

    const first = await listTasks(store, {}, 2);
    await store.db.prisma.taskState.delete({ where: { id: first.next?.id ?? '' } });
    const second = await listTasks(store, {}, 2, first.next);

    expect([...first.tasks, ...second.tasks].map(({ id }) => id)).toEqual(ids.slice(0, 4));
  });

  it('ends with a full page where there is nothing more', async () => {
    for (let n = 0; n < 2; n += 1) await submit(store, 'noop', { n });

    expect((await listTasks(store, {}, 2)).next).toBeUndefined();
  });

  it('tells the same about each task as its row', async () => {
    const { taskId } = await runTask(store, { group: 'g', title: 'A title', key: 'k' });

    const { tasks } = await listTasks(store, { group: 'g' }, 1);

    const noLink = () => undefined;
    expect(tasks.map((task) => viewTask(task, noLink))).toEqual([
      viewTask(await rowOf(store, taskId), noLink),
    ]);
  });
});

describe('a result in a list', () => {
  const store = useStore();

  it.each([
    ['there is none of', 'NULL::jsonb', null, false],
    ['is null', `'null'::jsonb`, null, false],
    ['is short', `'{"a": [1, "b"]}'::jsonb`, { a: [1, 'b'] }, false],
    [
      'is long',
      `(SELECT to_jsonb(string_agg(md5(n::text), '')) FROM generate_series(1, 30000) AS n)`,
      null,
      true,
    ],
    ['is long, and short as it is stored', `to_jsonb(repeat('x', 1000000))`, null, true],
  ])('that %s is as its row has it, or left there', async (_what, sql, result, hasLongResult) => {
    const { id } = await submit(store, 'noop', null);
    await store.db.pool.query(`UPDATE task_state SET result = ${sql} WHERE id = $1`, [id]);

    const { tasks } = await listTasks(store, {}, 1);

    expect(tasks).toMatchObject([{ id, result, hasLongResult }]);
  });
});

describe('a page', () => {
  const limit = 10;
  let database: TestDatabase;
  let store: Awaited<ReturnType<typeof openStore>>;

  beforeAll(async () => {
    database = await createTestDatabase();
    await recordPlans(database.url);
    store = await openStore(database.url);
    await administer(database.url, async (client) => {
      // Most tasks have succeeded, the newest are not finished, and all tasks of one type are among the
      // oldest.
      await addFinished(client, { count: 500, type: 'counts', finishedDaysAgo: 50, group: 'early' });
      await addFinished(client, { count: 1_000, status: 'failed', finishedDaysAgo: 45, group: 'late' });
      await addFinished(client, { count: 15_000, finishedDaysAgo: 5, expireInDays: 10, group: 'late' });
      await addUnfinished(client, { queued: 600, running: 200, finishedEntries: 0 });
      await client.query('ANALYZE');
    });
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });

  it.each<TaskFilter>([
    {},
    ...statuses.map((status) => ({ status })),
    ...['noop', 'counts', 'unknown'].map((type) => ({ type })),
    ...['early', 'late', 'unknown'].map((group) => ({ group })),
    ...statuses.flatMap((status) => ['noop', 'counts', 'unknown'].map((type) => ({ type, status }))),
  ])('is read from an index, and nothing but the page: %j', async (filter) => {
    const plans = await plansOf(store, async () => {
      // The statement runs often enough for PostgreSQL to settle on one plan for all values.
      for (let times = 0; times < 8; times += 1) {
        let after: ListPosition | undefined;
        for (let pages = 0; pages < 3; pages += 1) {
          after = (await listTasks(store, filter, limit, after)).next;
          if (!after) break;
        }
      }
    });

    const scans = plans.flatMap((plan) => scansOf(plan, 'task_state'));
    expect(scans.length).toBeGreaterThanOrEqual(8);
    expect(new Set(scans.map((scan) => scan.kind))).toEqual(new Set(['Index Scan']));
    expect(Math.max(...scans.map((scan) => scan.rows))).toBeLessThanOrEqual(limit + 2);
  });
});
