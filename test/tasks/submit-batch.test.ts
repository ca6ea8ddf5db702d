/** `submitBatch`: many tasks in one transaction, all or none. */
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { succeedAlone } from '../../src/tasks/life/end.ts';
import { cleanRequest, type SubmitRequest, submitTask } from '../../src/tasks/life/submit.ts';
import { submitBatch } from '../../src/tasks/life/submit-batch.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import type { Store } from '../../src/tasks/store.ts';
import { FlakyProxy } from '../support/flaky-proxy.ts';
import { openConnection, untilBlocked } from '../support/locks.ts';
import { deleteQueue, liveEntries } from '../support/queue-entries.ts';
import { openStore, submitRequest } from '../support/service.ts';
import { clear, patient, refuseRows, takeByNewWorker, useStore } from '../support/tasks.ts';

const store = useStore();

const batch = (requests: readonly SubmitRequest[], where: Store = store) =>
  submitBatch(where, requests.map(cleanRequest));

/** Finished tasks that have these keys, and nothing else. */
async function prepare(keys: readonly string[]): Promise<void> {
  await clear(store);
  for (const key of keys) await submitTask(store, submitRequest({ key, title: `old ${key}` }));
  const attempts = await takeByNewWorker(store);
  const ends = attempts.map(({ taskId }) => ({ taskId, attempt: 1, result: 'null', report: emptyReport }));
  await succeedAlone(store, ends);
}

/** All tasks, their entries and histories, without what differs from run to run. */
async function world(): Promise<unknown> {
  const { rows } = await store.db.pool.query(
    `SELECT type, key, title, input, status, version, (SELECT title FROM task_state WHERE id = task.replaced_by) AS replaced_by,
            (SELECT array_agg(kind ORDER BY id) FROM task_event WHERE task_id = task.id) AS kinds,
            (SELECT count(*)::int FROM pgboss.job WHERE id = task.entry_id AND name = task.type) AS entries
     FROM task_state AS task ORDER BY type, key NULLS LAST, title`,
  );
  return rows;
}

describe('a batch', () => {
  it('of a thousand is one transaction', async () => {
    const told = await batch(
      Array.from({ length: 1_000 }, (_, index) => submitRequest({ title: `${index}` })),
    );

    expect(told.map(({ outcome, task }) => `${outcome} ${task.title}`)).toEqual(
      told.map((_, index) => `created ${index}`),
    );
    expect(await liveEntries(store)).toHaveLength(1_000);
    const { rows } = await store.db.pool.query('SELECT DISTINCT xmin::text FROM task_state');
    expect(rows).toHaveLength(1);
  });

  it('of which PostgreSQL refuses one is refused whole', async () => {
    await using _refusal = await refuseRows(store, 'task_event', 'TRUE');

    await expect(batch([submitRequest(), submitRequest()])).rejects.toThrow('refused by the test');

    expect(await store.db.prisma.taskState.count()).toBe(0);
    expect(await liveEntries(store)).toEqual([]);
  });

  it('with a conflict writes nothing, and names the task that has the key', async () => {
    await prepare(['finished']);
    const { task } = await submitTask(store, submitRequest({ key: 'k' }));
    const before = await world();

    const conflict = batch([
      submitRequest({ title: 'new' }),
      submitRequest({ key: 'finished', onConflict: 'replaceFinished' }),
      submitRequest({ key: 'k', input: { n: 2 } }),
    ]);

    await expect(conflict).rejects.toMatchObject({ conflicts: [{ index: 2, owner: { taskId: task.id } }] });
    expect(await world()).toEqual(before);
  });

  it('with two inputs for a key names the place of the other one', async () => {
    const conflict = batch([
      submitRequest({ key: 'k' }),
      submitRequest(),
      submitRequest({ key: 'k', input: { n: 2 } }),
    ]);

    await expect(conflict).rejects.toMatchObject({ conflicts: [{ index: 2, owner: { index: 0 } }] });
    expect(await store.db.prisma.taskState.count()).toBe(0);
  });

  it('creates a queue again that somebody has deleted', async () => {
    await deleteQueue(store);

    await batch([submitRequest(), submitRequest()]);

    expect(await liveEntries(store)).toHaveLength(2);
  });
});

describe('batches of two processes with the same keys in opposite orders', () => {
  it('all succeed, also where they take keys from finished tasks', async () => {
    const others = await openStore(store.url, { settings: patient });
    onTestFinished(() => others.close());
    for (let round = 0; round < 5; round += 1) {
      const keys = Array.from({ length: 100 }, (_, index) => `${index}`);
      await prepare(keys.filter((_, index) => index % 3 === round % 3));
      const requests = keys.map((key) => submitRequest({ key, onConflict: 'replaceFinished' }));

      const [one, two] = await Promise.all([batch(requests), batch(requests.toReversed(), others)]);

      const created = [...one, ...two].filter(({ outcome }) => outcome === 'created');
      expect(created).toHaveLength(100);
      expect(new Set(created.map(({ task }) => task.key))).toEqual(new Set(keys));
    }
  });
});

describe('a batch that waits for another transaction, which waits for it', () => {
  it('gives way, and is written afterwards', async () => {
    await prepare(['b']);
    await using proxy = await FlakyProxy.start(store.url);
    const hasty = await openStore(proxy.url, { settings: { ...patient, deadlock_timeout: '10ms' } });
    await using other = await openConnection(store);
    await other.query(`SET deadlock_timeout = '10min'`);
    await other.query('BEGIN');
    await other.query(
      `INSERT INTO task_state (id, type, key, title, input, max_attempts, entry_id)
       VALUES (gen_random_uuid(), 'noop', 'a', 'Theirs', 'null', 3, gen_random_uuid())`,
    );
    const insert = proxy.delay({ statement: 'insert-tasks' });

    const requests = [
      submitRequest({ key: 'a' }),
      submitRequest({ key: 'b', onConflict: 'replaceFinished' }),
    ];
    const told = batch(requests, hasty);
    // The batch has the row with the key b, and will want the key a.
    const { deliver } = await insert;
    const changed = other.query(`UPDATE task_state SET message = 'seen' WHERE title = 'old b'`);
    await untilBlocked(store);
    await deliver();
    await changed;
    await other.query('ROLLBACK');

    expect((await told).map(({ outcome }) => outcome)).toEqual(['created', 'created']);
    await hasty.close();
  });
});

describe('whatever is in a batch', () => {
  const keys = fc.constantFrom('a', 'b', 'c', 'd');
  const anyRequest = fc.record({
    type: fc.constantFrom('noop', 'waits'),
    key: fc.option(keys, { nil: undefined }),
    input: fc.constantFrom(null, null, { n: 1 }),
  });
  // One of each key says what becomes of a finished task: the API refuses a batch that does not agree.
  const anyBatch = fc.record({
    finished: fc.uniqueArray(keys),
    replacing: fc.uniqueArray(keys),
    requests: fc.array(anyRequest, { maxLength: 12 }),
  });

  it('leaves what as many submits would have left, or nothing where one of them is a conflict', async () => {
    let conflicts = 0;
    await fc.assert(
      fc.asyncProperty(anyBatch, async ({ finished, replacing, requests }) => {
        const asked = requests.map((each, index) => {
          const onConflict = replacing.some((key) => key === each.key) ? 'replaceFinished' : 'existing';
          return submitRequest({ ...each, title: `${index}`, onConflict } as Partial<SubmitRequest>);
        });
        await prepare(finished);
        const before = await world();
        const alone: string[] = [];
        for (const each of asked) {
          const told = submitTask(store, each);
          alone.push(
            await told.then(
              ({ outcome, task, replaced }) => `${outcome} ${task.title} ${replaced?.version}`,
              () => 'conflict',
            ),
          );
        }
        const expected = alone.includes('conflict') ? before : await world();
        await prepare(finished);

        const told = await batch(asked).then(
          (all) => all.map(({ outcome, task, replaced }) => `${outcome} ${task.title} ${replaced?.version}`),
          ({ conflicts: found }) => found.map(({ index }: { index: number }) => index),
        );

        if (alone.includes('conflict')) {
          conflicts += 1;
          const places = alone.flatMap((each, index) => (each === 'conflict' ? [index] : []));
          expect(told).toEqual(places);
        } else expect(told).toEqual(alone);
        expect(await world()).toEqual(expected);
      }),
      { numRuns: 40 },
    );
    expect(conflicts).toBeGreaterThan(0);
  });
});
