/** `submitTask`: one call, so the cases of keys and replacements stay together. */
import { describe, expect, it } from 'vitest';
import { succeedAlone } from '../../src/tasks/life/end.ts';
import { KeyConflictError, type SubmitRequest, submitTask } from '../../src/tasks/life/submit.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { FlakyProxy } from '../support/flaky-proxy.ts';
import { openTransaction, untilBlocked } from '../support/locks.ts';
import { liveEntries } from '../support/queue-entries.ts';
import { openStore, submitRequest } from '../support/service.ts';
import { kindsOf, patient, refuseRows, rowOf, runTask, takeByNewWorker, useStore } from '../support/tasks.ts';

const store = useStore();

const taskCount = () => store.db.prisma.taskState.count();

async function finishedTask(options: Partial<SubmitRequest>) {
  const { task } = await submitTask(store, submitRequest(options));
  await takeByNewWorker(store);
  await succeedAlone(store, [{ taskId: task.id, attempt: 1, result: 'null', report: emptyReport }]);
  return rowOf(store, task.id);
}

describe('a submit', () => {
  it('creates a queued task and the entry that it names', async () => {
    const { outcome, task: told } = await submitTask(
      store,
      submitRequest({ input: { n: 1 }, group: 'alice', title: 'Import people' }),
    );

    expect(outcome).toBe('created');
    const task = await rowOf(store, told.id);
    expect(task).toMatchObject(told);
    expect(task).toMatchObject({
      type: 'noop',
      status: 'queued',
      key: null,
      group: 'alice',
      title: 'Import people',
      input: { n: 1 },
      percentDone: 0,
      attempt: 0,
      failures: 0,
      maxAttempts: 3,
      version: 1,
      workerId: null,
      startedAt: null,
    });
    expect(await liveEntries(store)).toMatchObject([{ id: task.entryId, taskId: task.id }]);
    expect(await kindsOf(store, task.id)).toEqual(['submitted']);
  });

  it.each(['task_state', 'task_event', 'pgboss.job'])(
    'leaves neither task nor entry when it breaks at its row in %s',
    async (table) => {
      const refusal = await refuseRows(store, table);

      await expect(submitTask(store, submitRequest({ key: 'k' }))).rejects.toThrow('refused by the test');

      await refusal[Symbol.asyncDispose]();
      expect(await taskCount()).toBe(0);
      expect(await store.db.prisma.taskEvent.count()).toBe(0);
      expect(await liveEntries(store)).toEqual([]);
      expect((await submitTask(store, submitRequest({ key: 'k' }))).outcome).toBe('created');
    },
  );

  it('that the queue refuses is refused whole', async () => {
    await expect(submitTask(store, submitRequest({ type: 'no such "name"' }))).rejects.toThrow();

    expect(await taskCount()).toBe(0);
  });

  it('without a key is a new task each time', async () => {
    const [one, two] = [await submitTask(store, submitRequest()), await submitTask(store, submitRequest())];

    expect(two.outcome).toBe('created');
    expect(two.task.id).not.toBe(one.task.id);
  });

  it('stores text and input that PostgreSQL refuses, cleansed', async () => {
    const { task } = await submitTask(
      store,
      submitRequest({
        input: { 'k\0': 'a\0b\ud800' },
        title: `${'x'.repeat(300)}`,
        key: 'key\0\udfff',
        group: '\ud83dgroup\0',
      }),
    );

    expect(await rowOf(store, task.id)).toMatchObject({
      ...{ input: { k: 'ab\ufffd' }, key: 'key\ufffd', group: '\ufffdgroup' },
    });
    expect(task.title).toHaveLength(200);
  });

  it('with such a key is the same task again', async () => {
    const first = await submitTask(store, submitRequest({ key: 'key\0\udfff' }));

    const second = await submitTask(store, submitRequest({ key: 'key\0\udfff' }));

    expect(second).toMatchObject({ outcome: 'existing', task: { id: first.task.id } });
  });
});

describe('a submit with a key', () => {
  it('finds the task that was submitted with it', async () => {
    const first = await submitTask(store, submitRequest({ key: 'k' }));

    const second = await submitTask(store, submitRequest({ key: 'k', title: 'Another title' }));

    expect(second).toEqual({ outcome: 'existing', task: first.task });
    expect(await liveEntries(store)).toHaveLength(1);
  });

  it('is another task under another type', async () => {
    await submitTask(store, submitRequest({ key: 'k' }));

    expect((await submitTask(store, submitRequest({ key: 'k', type: 'waits' }))).outcome).toBe('created');
  });

  it('finds a finished task too', async () => {
    const finished = await finishedTask({ key: 'k' });

    const { outcome, task } = await submitTask(store, submitRequest({ key: 'k' }));

    expect(outcome).toBe('existing');
    expect(finished).toMatchObject(task);
  });

  it('but other input is a conflict, and names the task', async () => {
    const { task } = await submitTask(store, submitRequest({ key: 'k', input: { n: 1 } }));

    const conflict = submitTask(store, submitRequest({ key: 'k', input: { n: 2 } }));

    await expect(conflict).rejects.toThrow(KeyConflictError);
    await expect(conflict).rejects.toMatchObject({ existingId: task.id });
    expect(await rowOf(store, task.id)).toMatchObject(task);
    expect(await liveEntries(store)).toHaveLength(1);
  });

  it('50 times at once is one task with one entry, and all are told its id', async () => {
    const all = await Promise.all(
      Array.from({ length: 50 }, () => submitTask(store, submitRequest({ key: 'k' }))),
    );

    expect(new Set(all.map(({ task }) => task.id)).size).toBe(1);
    expect(all.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
    expect(await taskCount()).toBe(1);
    expect(await liveEntries(store)).toHaveLength(1);
    expect(await kindsOf(store, all[0]?.task.id ?? '')).toEqual(['submitted']);
  });

  it('creates the task anew where it was pruned after the key was found taken', async () => {
    const old = await finishedTask({ key: 'k' });
    await using proxy = await FlakyProxy.start(store.url);
    const slow = await openStore(proxy.url, { settings: patient });
    const lookup = proxy.delay({ statement: 'key-owners' });

    const submitted = submitTask(slow, submitRequest({ key: 'k' }));
    const held = await lookup;
    await store.db.prisma.taskState.deleteMany();
    await held.deliver();

    const { outcome, task } = await submitted;
    await slow.close();
    expect(outcome).toBe('created');
    expect(task.id).not.toBe(old.id);
    expect(await liveEntries(store)).toMatchObject([{ taskId: task.id }]);
  });
});

describe('a submit that replaces finished tasks', () => {
  const replacing = (options: Partial<SubmitRequest> = {}) =>
    submitRequest({ key: 'k', onConflict: 'replaceFinished', ...options });

  it('takes the key from a finished task, which says by whom it was replaced', async () => {
    const old = await finishedTask({ key: 'k' });

    const { outcome, task } = await submitTask(store, replacing({ input: { n: 2 } }));

    expect(outcome).toBe('created');
    expect(await rowOf(store, task.id)).toMatchObject({ key: 'k', input: { n: 2 }, status: 'queued' });
    const replaced = await rowOf(store, old.id);
    expect(replaced).toEqual({ ...old, key: null, replacedBy: task.id, version: old.version + 1 });
  });

  it('finds an unfinished task with the same input', async () => {
    const { task } = await submitTask(store, replacing());

    expect(await submitTask(store, replacing())).toEqual({ outcome: 'existing', task });

    await takeByNewWorker(store);
    const again = await submitTask(store, replacing());
    expect(again.outcome).toBe('existing');
    expect(await rowOf(store, task.id)).toMatchObject({ ...again.task, status: 'running' });
  });

  it('is a conflict with an unfinished task that has other input', async () => {
    const { task } = await submitTask(store, replacing());

    const conflict = submitTask(store, replacing({ input: { n: 2 } }));

    await expect(conflict).rejects.toMatchObject({ name: 'KeyConflictError', existingId: task.id });
    expect(await rowOf(store, task.id)).toMatchObject(task);
  });

  it('leaves the finished task its key when it breaks in the middle', async () => {
    const old = await finishedTask({ key: 'k' });
    await using _refusal = await refuseRows(store, 'pgboss.job');

    await expect(submitTask(store, replacing())).rejects.toThrow('refused by the test');

    expect(await rowOf(store, old.id)).toEqual(old);
  });

  it('50 times at once is one new task', async () => {
    const old = await finishedTask({ key: 'k' });

    const all = await Promise.all(Array.from({ length: 50 }, () => submitTask(store, replacing())));

    const ids = new Set(all.map(({ task }) => task.id));
    expect(ids.size).toBe(1);
    expect(all.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
    expect(await taskCount()).toBe(2);
    expect(await liveEntries(store)).toHaveLength(1);
    expect(await rowOf(store, old.id)).toMatchObject({ key: null, replacedBy: [...ids][0] });
  });

  it('waits for another that replaces the same task, and finds its task', async () => {
    const old = await finishedTask({ key: 'k' });
    await using other = await openTransaction(store);
    await other.query('UPDATE task_state SET key = NULL WHERE id = $1', [old.id]);

    const submitted = submitTask(store, replacing());
    await untilBlocked(store);
    await other.query('COMMIT');

    // The other gave no new task the key: this one takes it.
    expect((await submitted).outcome).toBe('created');
  });
});

it('a submitted task can be run', async () => {
  const { taskId } = await runTask(store);

  expect(await rowOf(store, taskId)).toMatchObject({ status: 'running' });
});
