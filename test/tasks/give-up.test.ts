import { describe, expect, it } from 'vitest';
import { giveUp, lostAmong, lostWithRunningRows, moveOn } from '../../src/tasks/workers/workers.ts';
import { markLost, workerRow } from '../support/leases.ts';
import { lockTask, slowClaims, untilBlocked } from '../support/locks.ts';
import { liveEntries } from '../support/queue-entries.ts';
import { submit } from '../support/service.ts';
import { rowOf, runMany, runTask, runTasks, startWorker, takeAll, useStore } from '../support/tasks.ts';

const store = useStore();

describe('giving a worker up', () => {
  it('marks it lost, with the reason and the number of its attempts', async () => {
    const [task] = await runTasks(store, 3);

    await giveUp(store, task.workerId, 'exited', 'ended by SIGKILL');

    const worker = await workerRow(store, task.workerId);
    expect(worker).toMatchObject({ lostReason: 'exited: ended by SIGKILL', lostWith: 3 });
    expect(worker.lostAt).toBeInstanceOf(Date);
    expect(await lostAmong(store, [task.workerId])).toEqual([task.workerId]);
  });

  it('that runs no task only marks it lost', async () => {
    const workerId = await startWorker(store);

    expect(await giveUp(store, workerId, 'exited', '')).toEqual([]);

    expect(await workerRow(store, workerId)).toMatchObject({ lostReason: 'exited', lostWith: 0 });
  });

  it('leaves other workers and their tasks alone', async () => {
    const mine = await runTask(store);
    const other = await runTask(store);
    const before = await rowOf(store, other.taskId);

    await giveUp(store, mine.workerId, 'exited', '');

    expect(await rowOf(store, other.taskId)).toEqual(before);
    expect(await lostAmong(store, [other.workerId])).toEqual([]);
  });

  it('twice changes nothing the second time', async () => {
    const task = await runTask(store);
    await giveUp(store, task.workerId, 'exited', 'first');
    const [worker, row] = [await workerRow(store, task.workerId), await rowOf(store, task.taskId)];

    expect(await giveUp(store, task.workerId, 'lease_lapsed', 'second')).toEqual([]);

    expect(await workerRow(store, task.workerId)).toEqual(worker);
    expect(await rowOf(store, task.taskId)).toEqual(row);
  });

  it('ten times at once moves each task on once', async () => {
    const tasks = await runTasks(store, 20);
    const workerId = tasks[0]?.workerId ?? '';

    const moved = await Promise.all(Array.from({ length: 10 }, () => giveUp(store, workerId, 'exited', '')));

    expect(moved.flat()).toHaveLength(20);
    expect(await liveEntries(store)).toHaveLength(20);
    expect(await workerRow(store, workerId)).toMatchObject({ lostWith: 20 });
  });

  it('counts a claim that is under way, and moves its task on too', async () => {
    const running = await runTask(store);
    const { id } = await submit(store, 'noop', null);
    // The claim holds its worker's row and waits in the update of its task.
    await using slow = await slowClaims(store);
    const claimed = takeAll(store, running.workerId);
    await untilBlocked(store);

    const givenUp = giveUp(store, running.workerId, 'exited', '');
    await untilBlocked(store, 2);
    await slow.go();

    expect(await claimed).toHaveLength(1);
    expect((await givenUp).map((task) => task.taskId).sort()).toEqual([running.taskId, id].sort());
    expect(await workerRow(store, running.workerId)).toMatchObject({ lostWith: 2 });
    expect(await rowOf(store, id)).toMatchObject({ status: 'queued', attempt: 1, failures: 0, losses: 1 });
  });

  it('moves more tasks on than fit in one batch', async () => {
    const [task] = await runMany(store, 150);

    const moved = await giveUp(store, task.workerId, 'exited', '');

    expect(moved).toHaveLength(150);
    expect(new Set(moved.map(({ taskId }) => taskId)).size).toBe(150);
    expect(await liveEntries(store)).toHaveLength(150);
    expect(await lostWithRunningRows(store)).toEqual([]);
  });

  it('leaves a task that somebody has locked to the next caller', async () => {
    const [held, free] = await runTasks(store, 2);
    await using other = await lockTask(store, held.taskId);

    const moved = await giveUp(store, held.workerId, 'exited', '');

    expect(moved.map(({ taskId }) => taskId)).toEqual([free.taskId]);
    expect(await lostWithRunningRows(store)).toEqual([held.workerId]);
    await other.query('ROLLBACK');
    expect(await moveOn(store, held.workerId)).toMatchObject([{ taskId: held.taskId }]);
    // Two tasks were lost together, although this one was moved on alone.
    expect(await rowOf(store, held.taskId)).toMatchObject({ failures: 0, losses: 1 });
  });

  it('can be finished by another process where the first was killed after it had marked the worker', async () => {
    const [one, two] = await runTasks(store, 2, { maxAttempts: 1 });
    await markLost(store, one.workerId, { tasks: 2 });
    expect(await lostWithRunningRows(store)).toEqual([one.workerId]);

    const moved = await Promise.all([moveOn(store, one.workerId), moveOn(store, one.workerId)]);

    expect(moved.flat().map(({ status }) => status)).toEqual(['queued', 'queued']);
    expect(await rowOf(store, two.taskId)).toMatchObject({
      failures: 0,
      error: { message: 'The worker that ran the task was lost (ended by SIGKILL)' },
    });
    expect(await lostWithRunningRows(store)).toEqual([]);
  });

  it('moves nothing of a worker that is not marked lost', async () => {
    const task = await runTask(store);

    expect(await moveOn(store, task.workerId)).toEqual([]);

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'running' });
  });
});
