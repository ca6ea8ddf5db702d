import { describe, expect, it } from 'vitest';
import { readHistory } from '../../../src/tasks/queries/read.ts';
import { soloQueue } from '../../../src/tasks/queue/names.ts';
import { repairEntries } from '../../../src/tasks/queue/repair.ts';
import { violations } from '../../support/invariants.ts';
import { lockTask } from '../../support/locks.ts';
import {
  ageFetches,
  deleteEntries,
  deleteQueue,
  entryState,
  fetchByHand,
  liveEntries,
} from '../../support/queue-entries.ts';
import { submit } from '../../support/service.ts';
import {
  ageTasks,
  changeTask,
  rowOf,
  runTask,
  startWorker,
  takeAll,
  takeByNewWorker,
  useStore,
} from '../../support/tasks.ts';
import { addUnfinished } from '../../support/unfinished.ts';

const store = useStore();

const requeued = async (leaseSeconds = 15) => (await repairEntries(store, leaseSeconds)).requeued;

describe('a queued task without an entry that waits', () => {
  it('gets a new entry without spending a try, and its history says so', async () => {
    const task = await submit(store, 'noop', null);
    await fetchByHand(store);
    await ageTasks(store, 60);
    await ageFetches(store, 60);

    expect(await requeued()).toEqual([task.id]);

    const row = await rowOf(store, task.id);
    expect(row).toMatchObject({ status: 'queued', attempt: 0, failures: 0, version: task.version + 1 });
    expect(row.entryId).not.toBe(task.entryId);
    expect(await liveEntries(store)).toMatchObject([{ id: row.entryId, taskId: task.id }]);
    expect(await readHistory(store, task.id)).toMatchObject([
      { kind: 'submitted' },
      { kind: 'requeued', detail: { message: 'a worker took its queue entry and did not begin' } },
    ]);
    expect(await takeByNewWorker(store)).toMatchObject([{ taskId: task.id, attempt: 1 }]);
    expect(await violations(store)).toEqual([]);
  });

  it('gets a new entry where somebody marked the old one as fetched, without a time', async () => {
    const task = await submit(store, 'noop', null);
    await store.db.pool.query(`UPDATE pgboss.job SET state = 'active'`);
    await ageTasks(store, 60);

    expect(await requeued()).toEqual([task.id]);

    expect(await liveEntries(store)).toMatchObject([{ taskId: task.id }]);
    expect(await violations(store)).toEqual([]);
  });

  it('gets a new entry where the old one was deleted', async () => {
    const task = await submit(store, 'noop', null);
    await deleteEntries(store);
    await ageTasks(store, 60);

    expect(await requeued()).toEqual([task.id]);

    expect(await readHistory(store, task.id)).toMatchObject([
      {},
      { detail: { message: 'its queue entry was gone' } },
    ]);
  });

  it.each([
    ['cancelled', 'its queue entry had been cancelled'],
    ['completed', 'its queue entry had been settled'],
    ['failed', 'its queue entry had failed or expired'],
  ])('gets a new entry where the old one is %s, by hand or by a tool of pg-boss', async (state, message) => {
    const task = await submit(store, 'noop', null);
    await store.db.pool.query('UPDATE pgboss.job SET state = $1::pgboss.job_state, completed_on = now()', [
      state,
    ]);
    await ageTasks(store, 60);

    expect(await requeued()).toEqual([task.id]);

    expect(await readHistory(store, task.id)).toMatchObject([{}, { kind: 'requeued', detail: { message } }]);
    expect(await violations(store)).toEqual([]);
  });

  it.each([
    ['names no task that could be', `data = '{"taskId": "x"}'`],
    ['names another task', `data = jsonb_build_object('taskId', gen_random_uuid())`],
    ['names none', `data = '{"taskId": null}'`],
    ['says nothing', 'data = NULL'],
    ['is held back', 'blocked = TRUE'],
    ['comes later than the task is due', `start_after = '2099-01-01'`],
  ])('is given one also where the entry %s, as it was changed by hand', async (_what, change) => {
    const task = await submit(store, 'noop', null);
    await store.db.pool.query(`UPDATE pgboss.job SET ${change}`);
    await ageTasks(store, 60);

    expect(await requeued()).toEqual([task.id]);

    expect(await readHistory(store, task.id)).toMatchObject([
      {},
      { kind: 'requeued', detail: { message: 'its queue entry had been changed' } },
    ]);
    expect(await entryState(store, task.entryId ?? '')).toBe('cancelled');
    expect(await takeByNewWorker(store)).toMatchObject([{ taskId: task.id, attempt: 1 }]);
    expect(await violations(store)).toEqual([]);
  });

  it('gets a new entry where the old one is due later than its next try', async () => {
    const task = await submit(store, 'noop', null);
    const nextAttemptAt = new Date(Date.now() + 3_600_000);
    await changeTask(store, task.id, { nextAttemptAt });
    await store.db.pool.query(`UPDATE pgboss.job SET start_after = '2099-01-01'`);
    await ageTasks(store, 60);

    expect(await requeued()).toEqual([task.id]);

    expect(await liveEntries(store)).toMatchObject([{ taskId: task.id, startAfter: nextAttemptAt }]);
  });

  it('keeps the time of its next try', async () => {
    const task = await submit(store, 'noop', null);
    await deleteEntries(store);
    const nextAttemptAt = new Date(Date.now() + 3_600_000);
    await changeTask(store, task.id, { nextAttemptAt });
    await ageTasks(store, 60);

    await requeued();

    expect(await liveEntries(store)).toMatchObject([{ taskId: task.id, startAfter: nextAttemptAt }]);
  });

  it('waits in the queue that its losses call for', async () => {
    const task = await submit(store, 'noop', null);
    await deleteEntries(store);
    await changeTask(store, task.id, { losses: 2 });
    await ageTasks(store, 60);

    expect(await requeued()).toEqual([task.id]);

    expect(await store.queue.due(['noop', soloQueue('noop')])).toEqual([soloQueue('noop')]);
    expect(await requeued(0)).toEqual([]);
  });

  it('is left alone for a lease after it was changed', async () => {
    const task = await submit(store, 'noop', null);
    await deleteEntries(store);
    await ageTasks(store, 3000);

    expect(await requeued(3600)).toEqual([]);
    expect(await requeued(2999)).toEqual([task.id]);
  });

  it('is left alone for a lease after its entry was fetched, however long it has waited: it is being claimed', async () => {
    const task = await submit(store, 'noop', null);
    const workerId = await startWorker(store);
    await ageTasks(store, 7200);

    await fetchByHand(store);
    expect(await requeued(3600)).toEqual([]);

    expect(await rowOf(store, task.id)).toMatchObject({ entryId: task.entryId });
    await ageFetches(store, 3601);
    expect(await requeued(3600)).toEqual([task.id]);
    expect(await takeAll(store, workerId)).toMatchObject([{ taskId: task.id, attempt: 1 }]);
  });

  it('is left to the next pass while somebody has locked it, and holds up no other', async () => {
    const held = await submit(store, 'noop', null);
    const free = await submit(store, 'noop', null);
    await deleteEntries(store);
    await using other = await lockTask(store, held.id);

    expect(await requeued(0)).toEqual([free.id]);
    await other.query('COMMIT');

    expect(await requeued(0)).toEqual([held.id]);
  });

  it('is not found in a task that has an entry, runs or is finished', async () => {
    await runTask(store);
    const queued = await submit(store, 'noop', null);
    await ageTasks(store, 3600);

    expect(await repairEntries(store, 15)).toMatchObject({ requeued: [], settled: [] });

    expect(await liveEntries(store)).toMatchObject([{ id: queued.entryId }]);
  });

  it('gets one entry where two processes repair at once', async () => {
    const task = await submit(store, 'noop', null);
    await deleteEntries(store);
    await ageTasks(store, 60);

    const passes = await Promise.all(Array.from({ length: 5 }, () => requeued()));

    expect(passes.flat()).toEqual([task.id]);
    expect(await liveEntries(store)).toHaveLength(1);
  });

  it('runs after all entries were deleted, and so do many others', async () => {
    await addUnfinished(store.db.pool, { queued: 250, running: 0, finishedEntries: 0 });
    const tasks = await liveEntries(store);
    await deleteEntries(store);

    expect((await requeued(0)).sort()).toEqual(tasks.map(({ taskId }) => taskId).sort());

    const workerId = await startWorker(store);
    const claimed = [...(await takeAll(store, workerId)), ...(await takeAll(store, workerId))];
    expect(claimed).toHaveLength(250);
    expect(await violations(store)).toEqual([]);
  });
});

describe('a task whose queue was deleted', () => {
  it('gets its queue back, with an entry', async () => {
    const task = await submit(store, 'noop', null);
    await deleteQueue(store, 'noop');

    expect(await requeued(0)).toEqual([task.id]);

    expect(await takeByNewWorker(store)).toMatchObject([{ taskId: task.id }]);
  });

  it('gets its queue back even where there is no code for its type', async () => {
    const task = await submit(store, 'noop', null);
    await changeTask(store, task.id, { type: 'gone' });

    expect(await requeued(0)).toEqual([task.id]);

    expect(await takeByNewWorker(store, 'gone')).toMatchObject([{ taskId: task.id }]);
    await deleteQueue(store, 'gone');
  });

  it('and cannot be created again does not keep the others from being repaired', async () => {
    const broken = await submit(store, 'noop', null);
    const sound = await submit(store, 'counts', null);
    await changeTask(store, broken.id, { type: 'no such "name"' });
    await deleteEntries(store);

    const repaired = await repairEntries(store, 0);

    expect(repaired.requeued).toEqual([sound.id]);
    expect([...repaired.failed.keys()]).toEqual(['no such "name"']);
  });
});
