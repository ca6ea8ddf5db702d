import { describe, expect, it } from 'vitest';
import { fail, succeedAlone } from '../../src/tasks/life/end.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { giveUp } from '../../src/tasks/workers/workers.ts';
import { failure, handBack, success } from '../support/ends.ts';
import { liveEntries } from '../support/queue-entries.ts';
import { kindsOf, type RunningTask, rowOf, runTask, takeByNewWorker, useStore } from '../support/tasks.ts';

const store = useStore();

describe('the fence', () => {
  const ends = [
    ['success', (task: RunningTask) => succeedAlone(store, [success(task)])],
    ['failure', (task: RunningTask) => fail(store, [failure(task)])],
    ['hand-back', (task: RunningTask) => fail(store, [handBack(task)])],
  ] as const;

  it.each(ends)('lets no attempt that was taken away end its task: %s', async (_name, end) => {
    const task = await runTask(store);
    await giveUp(store, task.workerId, 'handed_back', '');
    const [again] = await takeByNewWorker(store);
    const before = await rowOf(store, task.taskId);

    expect(await end(task)).toEqual([]);

    expect(again?.attempt).toBe(2);
    expect(await rowOf(store, task.taskId)).toEqual(before);
    expect(await liveEntries(store)).toEqual([]);
  });

  it.each(ends)('lets no attempt with a later number end the task: %s', async (_name, end) => {
    const task = await runTask(store);
    const before = await rowOf(store, task.taskId);

    expect(await end({ ...task, attempt: 2 })).toEqual([]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
  });

  it.each(ends)('lets no attempt end a queued task: %s', async (_name, end) => {
    const task = await runTask(store);
    await fail(store, [handBack(task)]);
    const before = await rowOf(store, task.taskId);

    expect(await end(task)).toEqual([]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
    expect(await liveEntries(store)).toHaveLength(1);
  });

  it.each(ends)('lets no attempt end a task twice: %s', async (_name, end) => {
    const task = await runTask(store);
    await succeedAlone(store, [success(task)]);
    const before = await rowOf(store, task.taskId);
    const events = await kindsOf(store, task.taskId);

    expect(await end(task)).toEqual([]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
    expect(await kindsOf(store, task.taskId)).toEqual(events);
  });

  it('keeps out the report and the log of an attempt that was taken away', async () => {
    const task = await runTask(store);
    await giveUp(store, task.workerId, 'exited', '');
    const before = await rowOf(store, task.taskId);
    const report = { ...emptyReport, percentDone: 50, done: 5, message: 'late', log: ['late'] };

    await fail(store, [failure(task, { report })]);
    await succeedAlone(store, [success(task, { report })]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
    expect(await kindsOf(store, task.taskId)).not.toContain('log');
  });

  it('changes nothing where the task is unknown', async () => {
    const nobody = { workerId: newId(), taskId: newId(), attempt: 1 } as RunningTask;

    expect(await succeedAlone(store, [success(nobody)])).toEqual([]);
    expect(await fail(store, [failure(nobody)])).toEqual([]);
  });
});
