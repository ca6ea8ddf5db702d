/** Submits that share statements: each is answered as if it were alone. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { succeedAlone } from '../../src/tasks/life/end.ts';
import { cleanRequest, createTogether, type SubmitRequest, submitTask } from '../../src/tasks/life/submit.ts';
import { SubmitQueue } from '../../src/tasks/life/submit-queue.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import type { Store } from '../../src/tasks/store.ts';
import { stopClock } from '../support/clock.ts';
import { eventually } from '../support/eventually.ts';
import { FlakyProxy } from '../support/flaky-proxy.ts';
import { openConnection, openTransaction, untilBlocked } from '../support/locks.ts';
import { deleteQueue, liveEntries } from '../support/queue-entries.ts';
import { openStore, submitRequest } from '../support/service.ts';
import { clear, kindsOf, patient, refuseRows, takeByNewWorker, useStore } from '../support/tasks.ts';

const store = useStore();
let submits: SubmitQueue;
beforeEach(() => {
  // On a busy machine, some submits would wait longer than the 5 s after which nobody waits any more.
  const clock = stopClock();
  onTestFinished(() => clock.go());
  submits = new SubmitQueue(store);
});

const many = (count: number, options: (index: number) => Partial<SubmitRequest> = () => ({})) =>
  Array.from({ length: count }, (_, index) => submits.submit(submitRequest(options(index))));

/** How many transactions have written the tasks that there are. */
async function transactions(): Promise<number> {
  const { rows } = await store.db.pool.query<{ count: number }>(
    'SELECT count(DISTINCT xmin::text)::int AS count FROM task_state',
  );
  return rows[0]?.count ?? 0;
}

async function slowStore(): Promise<{ slow: Store; proxy: FlakyProxy }> {
  const proxy = await FlakyProxy.start(store.url);
  const slow = await openStore(proxy.url, { settings: patient });
  onTestFinished(async () => {
    await slow.close();
    await proxy[Symbol.asyncDispose]();
  });
  return { slow, proxy };
}

/** A submit whose statement is under way until it is delivered; `submits` are on the same connections. */
async function holdSubmit() {
  const { slow, proxy } = await slowStore();
  submits = new SubmitQueue(slow);
  const held = proxy.delay({ statement: 'insert-tasks' });
  const begun = submits.submit(submitRequest());
  const { deliver } = await held;
  return { begun, deliver };
}

/** What each submit came to, in words that do not depend on ids. */
async function outcomeOf(submitted: Promise<{ outcome: string; task: { title: string } }>): Promise<string> {
  return submitted.then(
    ({ outcome, task }) => `${outcome} ${task.title}`,
    (error: Error) => error.name,
  );
}

describe('submits that arrive together', () => {
  it('are one transaction, and each has its own task, entry and history', async () => {
    const all = await Promise.all(many(50, (index) => ({ title: `${index}`, input: { index } })));

    expect(await transactions()).toBe(1);
    expect(all.map(({ outcome, task }) => `${outcome} ${task.title}`)).toEqual(
      all.map((_, index) => `created ${index}`),
    );
    const rows = await store.db.prisma.taskState.findMany();
    expect(new Map(rows.map(({ title, input }) => [title, input]))).toEqual(
      new Map(all.map(({ task }, index) => [task.title, { index }])),
    );
    const entries = await liveEntries(store);
    expect(new Map(entries.map(({ id, taskId }) => [taskId, id]))).toEqual(
      new Map(rows.map(({ id, entryId }) => [id, entryId])),
    );
    expect(await kindsOf(store, all[7]?.task.id ?? '')).toEqual(['submitted']);
  });

  it('wait for the statement under way, and then share the next one', async () => {
    const { begun, deliver } = await holdSubmit();
    const others = many(20);
    await deliver();

    await Promise.all([begun, ...others]);

    expect(await transactions()).toBe(2);
  });

  it('are several transactions where they are very many, or very long', async () => {
    await Promise.all(many(101));
    expect(await transactions()).toBe(2);

    await clear(store);
    await Promise.all(many(3, () => ({ input: 'x'.repeat(600_000) })));
    expect(await transactions()).toBe(3);
  });

  it('wake the runners once for each type', async () => {
    await using listener = await openConnection(store);
    const heard: (string | undefined)[] = [];
    listener.on('notification', ({ payload }) => heard.push(payload));
    await listener.query('LISTEN headway_queue');

    await Promise.all(many(30, (index) => ({ type: index % 2 === 0 ? 'noop' : 'waits' })));
    await eventually(() => heard.length >= 2);
    await listener.query('SELECT 1');

    expect(heard.sort()).toEqual(['noop', 'waits']);
  });

  it('create a queue again that somebody has deleted', async () => {
    await deleteQueue(store);

    await Promise.all(many(3));

    expect(await liveEntries(store)).toHaveLength(3);
  });
});

describe('one that PostgreSQL refuses', () => {
  it('is refused alone: the others are created, once each', async () => {
    await using _refusal = await refuseRows(store, 'task_state', `NEW.title = '3'`);

    const all = await Promise.allSettled(many(8, (index) => ({ title: `${index}` })));

    expect(all.map(({ status }) => status)).toEqual(
      all.map((_, index) => (index === 3 ? 'rejected' : 'fulfilled')),
    );
    const titles = await store.db.prisma.taskState.findMany({ select: { title: true } });
    expect(titles.map(({ title }) => title).sort()).toEqual(['0', '1', '2', '4', '5', '6', '7']);
    expect(await liveEntries(store)).toHaveLength(7);
  });

  it('whose key another transaction holds waits alone for it', async () => {
    await using other = await openTransaction(store);
    await other.query(
      `INSERT INTO task_state (id, type, key, title, input, max_attempts, entry_id)
       VALUES (gen_random_uuid(), 'noop', 'k', 'Theirs', 'null', 3, gen_random_uuid())`,
    );

    const [blocked, ...others] = many(8, (index) => (index === 0 ? { key: 'k' } : { title: `${index}` }));
    await Promise.all(others);
    // It comes after the transaction that holds the key, and later submits do not wait for it.
    await untilBlocked(store);
    await Promise.all(many(4));
    await other.query('ROLLBACK');

    expect((await blocked)?.outcome).toBe('created');
    expect(await liveEntries(store)).toHaveLength(12);
  });

  it('with a file that is gone is refused alone', async () => {
    const upload = {
      ...{ id: '01890000-0000-7000-8000-000000000000', sha256: 'x', size: 1, field: 'file' },
    };

    const [gone, ...others] = many(4, (index) => (index === 0 ? { upload } : {}));

    await expect(gone).rejects.toThrow('is no longer whole');
    await Promise.all(others);
    expect(await liveEntries(store)).toHaveLength(3);
  });
});

describe('a lost answer', () => {
  it('to a shared submit: repeated with the same keys, each task exists once', async () => {
    const { slow, proxy } = await slowStore();
    submits = new SubmitQueue(slow);
    const withKeys = () => many(20, (index) => ({ key: `${index}` }));
    const lost = proxy.loseAnswer({ statement: 'insert-tasks' });

    const first = await Promise.allSettled(withKeys());
    await lost;
    const second = await Promise.all(withKeys());

    expect(first.every(({ status }) => status === 'rejected')).toBe(true);
    expect(second.every(({ outcome }) => outcome === 'existing')).toBe(true);
    expect(await liveEntries(store)).toHaveLength(20);
  });

  it('to the lookup of keys: tasks that were created with it stay created, and are told', async () => {
    await submitTask(store, submitRequest({ key: '0' }));
    const { slow, proxy } = await slowStore();
    submits = new SubmitQueue(slow);
    const lost = proxy.loseAnswer({ statement: 'key-owners' });

    const [taken, created] = await Promise.allSettled(many(2, (index) => ({ key: `${index}` })));
    await lost;

    expect([taken?.status, created?.status]).toEqual(['rejected', 'fulfilled']);
    expect(await liveEntries(store)).toHaveLength(2);
  });
});

describe('while PostgreSQL stands still', () => {
  it('what has waited for 5 s is refused, and is not written afterwards', async () => {
    const { begun, deliver } = await holdSubmit();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() - 5_001);
    const waiting = Promise.allSettled(many(3));
    clock.mockRestore();
    await deliver();
    await begun;

    const refused = await waiting;

    expect(refused.map((each) => (each.status === 'rejected' ? each.reason.name : 'written'))).toEqual(
      Array(3).fill('TooManySubmitsError'),
    );
    expect(await store.db.prisma.taskState.count()).toBe(1);
  });

  it('on one connection, later submits go on by another', async () => {
    const { begun, deliver } = await holdSubmit();

    await Promise.all(many(3));

    expect(await store.db.prisma.taskState.count()).toBe(3);
    await deliver();
    await begun;
  });

  it('what is more than may wait is refused at once', async () => {
    const { begun, deliver } = await holdSubmit();
    const waiting = many(5_000);

    await expect(submits.submit(submitRequest())).rejects.toThrow('More tasks are submitted');

    await deliver();
    await Promise.all([begun, ...waiting]);
    expect(await store.db.prisma.taskState.count()).toBe(5_001);
  });
});

describe('two processes that write the same keys in opposite orders', () => {
  it('do not wait for each other in a circle', async () => {
    const others = await openStore(store.url, { settings: patient });
    onTestFinished(() => others.close());

    for (let round = 0; round < 20; round += 1) {
      const requests = Array.from({ length: 100 }, (_, index) =>
        cleanRequest(submitRequest({ key: `${round} ${index}` })),
      );
      const [one, two] = await Promise.all([
        createTogether(store, requests),
        createTogether(others, requests.toReversed()),
      ]);
      expect([...one, ...two].filter((task) => task !== undefined)).toHaveLength(100);
    }
  });
});

describe('whatever is submitted together', () => {
  const anyRequest = fc.record({
    type: fc.constantFrom('noop', 'waits'),
    key: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
    input: fc.constantFrom(null, { n: 1 }, { n: 1.0, m: [2] }),
  });
  const finished = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'));

  async function prepare(keys: readonly string[]): Promise<void> {
    await clear(store);
    for (const key of keys) await submitTask(store, submitRequest({ key, title: 'old' }));
    const attempts = await takeByNewWorker(store);
    const ends = attempts.map(({ taskId }) => ({ taskId, attempt: 1, result: 'null', report: emptyReport }));
    await succeedAlone(store, ends);
  }

  it('is answered as if each had come alone, one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(finished, fc.array(anyRequest, { maxLength: 12 }), async (keys, requests) => {
        const asked = requests.map((each, index) => submitRequest({ ...each, title: `${index}` }));
        await prepare(keys);
        const alone: string[] = [];
        for (const each of asked) alone.push(await outcomeOf(submitTask(store, each)));
        await prepare(keys);

        const together = await Promise.all(asked.map((each) => outcomeOf(submits.submit(each))));

        expect(together).toEqual(alone);
      }),
      { numRuns: 40 },
    );
  });
});
