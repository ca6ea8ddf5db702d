import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/cancel.ts';
import { claimTasks } from '../../src/tasks/claim.ts';
import { fail } from '../../src/tasks/end.ts';
import { newId } from '../../src/tasks/ids.ts';
import { giveUp } from '../../src/tasks/workers.ts';
import { eventually } from '../support/eventually.ts';
import { submit } from '../support/service.ts';
import {
  emptyReport,
  entryState,
  kindsOf,
  liveEntries,
  lockWaiters,
  openRaw,
  rowOf,
  runTask,
  startWorker,
  takeAll,
  useStore,
} from '../support/tasks.ts';

const store = useStore();

describe('a claim', () => {
  it('begins an attempt, and settles the entry', async () => {
    const task = await submit(store, 'noop', { n: 1 }, { maxAttempts: 4 });
    const workerId = await startWorker(store);

    const [entry] = await store.queue.fetch('noop', 10);
    const claimed = await claimTasks(store, workerId, 'noop', entry ? [entry] : []);

    expect(claimed).toEqual([
      {
        taskId: task.id,
        type: 'noop',
        attempt: 1,
        failures: 0,
        maxAttempts: 4,
        input: { n: 1 },
        checkpoint: null,
        checkpointNo: 0,
        cancelRequested: false,
      },
    ]);
    expect(await rowOf(store, task.id)).toMatchObject({
      status: 'running',
      attempt: 1,
      workerId,
      entryId: null,
      startedAt: expect.any(Date),
      version: task.version + 1,
    });
    expect(await entryState(store, task.entryId ?? '')).toBe('completed');
    expect(await kindsOf(store, task.id)).toEqual(['submitted', 'started']);
  });

  it('takes the task of the fetched entry, and no other', async () => {
    const [first, second] = [await submit(store, 'noop', 1), await submit(store, 'noop', 2)];
    const workerId = await startWorker(store);

    const fetched = await store.queue.fetch('noop', 1);
    await claimTasks(store, workerId, 'noop', fetched);

    expect(await rowOf(store, first.id)).toMatchObject({ status: 'running' });
    expect(await rowOf(store, second.id)).toEqual(second);
    expect(await liveEntries(store)).toMatchObject([{ taskId: second.id }]);
  });

  it('takes many at once', async () => {
    const tasks = await Promise.all(Array.from({ length: 20 }, (_, n) => submit(store, 'noop', n)));

    const claimed = await takeAll(store, await startWorker(store));

    expect(claimed.map((attempt) => attempt.taskId).sort()).toEqual(tasks.map((task) => task.id).sort());
    expect(await liveEntries(store)).toEqual([]);
  });

  it('takes nothing for a worker that was given up, and settles the entry', async () => {
    const task = await submit(store, 'noop', null);
    const workerId = await startWorker(store);
    await giveUp(store, workerId, 'exited', 'exit code 1');

    expect(await takeAll(store, workerId)).toEqual([]);

    expect(await rowOf(store, task.id)).toEqual(task);
    expect(await entryState(store, task.entryId ?? '')).toBe('completed');
  });

  it('takes nothing for a worker that nobody knows', async () => {
    const task = await submit(store, 'noop', null);

    expect(await takeAll(store, newId())).toEqual([]);

    expect(await rowOf(store, task.id)).toEqual(task);
  });

  it('takes nothing where the worker is being given up at this moment', async () => {
    const task = await submit(store, 'noop', null);
    const workerId = await startWorker(store);
    const entries = await store.queue.fetch('noop', 1);
    await using other = await openRaw(store);
    await other.query('BEGIN');
    await other.query('UPDATE worker SET lost_at = now() WHERE id = $1', [workerId]);

    const claimed = claimTasks(store, workerId, 'noop', entries);
    await eventually(async () => (await lockWaiters(store)) === 1);
    await other.query('COMMIT');

    expect(await claimed).toEqual([]);
    expect(await rowOf(store, task.id)).toEqual(task);
  });

  it('takes nothing by an entry that its task no longer waits for', async () => {
    const { taskId, attempt, workerId, claimed } = await runTask(store);
    const stale = [{ id: newId(), taskId }];
    await fail(store, [{ taskId, attempt, outcome: 'handed_back', delaySeconds: 0, report: emptyReport }]);
    const queued = await rowOf(store, taskId);

    expect(await claimTasks(store, workerId, claimed.type, stale)).toEqual([]);

    expect(await rowOf(store, taskId)).toEqual(queued);
    expect(await liveEntries(store)).toMatchObject([{ id: queued.entryId }]);
    expect(await takeAll(store, workerId)).toMatchObject([{ taskId, attempt: 2 }]);
  });

  it('takes what it can of a mixture, and settles all of it', async () => {
    const [claimable, cancelled] = [await submit(store, 'noop', 1), await submit(store, 'noop', 2)];
    const workerId = await startWorker(store);
    const fetched = await store.queue.fetch('noop', 10);
    await cancelTask(store, cancelled.id);
    const unknown = { id: newId(), taskId: newId() };

    const claimed = await claimTasks(store, workerId, 'noop', [unknown, ...fetched]);

    expect(claimed.map((attempt) => attempt.taskId)).toEqual([claimable.id]);
    expect(await entryState(store, claimable.entryId ?? '')).toBe('completed');
    expect(await entryState(store, cancelled.entryId ?? '')).toBe('cancelled');
    expect(await rowOf(store, cancelled.id)).toMatchObject({
      status: 'cancelled',
      attempt: 0,
      workerId: null,
    });
  });

  it('with nothing fetched takes nothing', async () => {
    const task = await submit(store, 'noop', null);

    expect(await claimTasks(store, await startWorker(store), 'noop', [])).toEqual([]);

    expect(await rowOf(store, task.id)).toEqual(task);
  });

  it('by two workers at once with the same entries gives each task to one of them', async () => {
    await Promise.all(Array.from({ length: 30 }, (_, n) => submit(store, 'noop', n)));
    const [one, two] = [await startWorker(store), await startWorker(store)];
    const entries = await store.queue.fetch('noop', 30);

    const claims = await Promise.all([
      claimTasks(store, one, 'noop', entries),
      claimTasks(store, two, 'noop', entries.toReversed()),
    ]);

    const claimed = claims.flat().map((attempt) => attempt.taskId);
    expect(claimed).toHaveLength(30);
    expect(new Set(claimed).size).toBe(30);
    const attempts = await store.db.prisma.taskState.aggregate({ _max: { attempt: true } });
    expect(attempts._max.attempt).toBe(1);
  });

  it('waits for a cancel that came first, and takes nothing', async () => {
    const task = await submit(store, 'noop', null);
    const workerId = await startWorker(store);
    const entries = await store.queue.fetch('noop', 1);
    await using other = await openRaw(store);
    await other.query('BEGIN');
    await other.query(
      `UPDATE task_state SET status = 'cancelled', entry_id = NULL, finished_at = now() WHERE id = $1`,
      [task.id],
    );

    const claimed = claimTasks(store, workerId, 'noop', entries);
    await eventually(async () => (await lockWaiters(store)) === 1);
    await other.query('COMMIT');

    expect(await claimed).toEqual([]);
  });

  it('begins a further attempt afresh, with the checkpoint and the count of failures', async () => {
    const { taskId, attempt, workerId } = await runTask(store);
    await store.db.pool.query(
      `UPDATE task_state SET checkpoint = '{"offset": 7}', checkpoint_no = 3, rate_per_second = 2 WHERE id = $1`,
      [taskId],
    );
    const report = { ...emptyReport, percentDone: 40, done: 4, total: 10, unit: 'rows', message: 'Reading' };
    const error = { code: 'job_error', message: 'it broke' };
    await fail(store, [{ taskId, attempt, outcome: 'failed', error, delaySeconds: 0, report }]);

    const [claimed] = await takeAll(store, workerId);

    expect(claimed).toMatchObject({ attempt: 2, failures: 1, checkpoint: { offset: 7 }, checkpointNo: 3 });
    expect(await rowOf(store, taskId)).toMatchObject({
      percentDone: 0,
      done: null,
      total: null,
      unit: null,
      ratePerSecond: null,
      message: null,
      nextAttemptAt: null,
      error: { message: 'it broke' },
    });
  });
});
