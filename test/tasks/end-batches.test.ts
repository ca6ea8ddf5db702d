import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { fail, succeedAlone } from '../../src/tasks/life/end.ts';
import { failure, handBack, jobError, success } from '../support/ends.ts';
import { liveEntries } from '../support/queue-entries.ts';
import { changeTask, rowOf, runMany, runTasks, useStore } from '../support/tasks.ts';

const store = useStore();

describe('ends that share a statement', () => {
  it('are each judged by their own row', async () => {
    const tasks = await runTasks(store, 6, { maxAttempts: 2 });
    const [retried, exhausted, cancelled, permanent, handedBack, lost] = tasks;
    await changeTask(store, exhausted.taskId, { failures: 1, losses: 0 });
    await cancelTask(store, cancelled.taskId);

    const left = await fail(store, [
      failure(retried, { delaySeconds: 5 }),
      failure(exhausted),
      failure(cancelled),
      failure(permanent, { outcome: 'permanent', error: { code: 'no_use', message: 'never' } }),
      handBack(handedBack),
      failure({ ...lost, attempt: 9 }),
    ]);

    const statusOf = new Map(left.map(({ taskId, status }) => [taskId, status]));
    expect(tasks.map(({ taskId }) => statusOf.get(taskId))).toEqual([
      'queued',
      'failed',
      'cancelled',
      'failed',
      'queued',
      undefined,
    ]);
    expect(await rowOf(store, permanent.taskId)).toMatchObject({ error: { code: 'no_use' } });
    expect(await rowOf(store, exhausted.taskId)).toMatchObject({ error: jobError, failures: 2 });
    expect(await rowOf(store, lost.taskId)).toMatchObject({ status: 'running', attempt: 1 });
    expect((await liveEntries(store)).map((entry) => entry.taskId).sort()).toEqual(
      [retried.taskId, handedBack.taskId].sort(),
    );
  });

  it('report which successes still owned their tasks', async () => {
    const [mine, lost] = await runTasks(store, 2);

    const ended = await succeedAlone(store, [success({ ...lost, attempt: 7 }), success(mine)]);

    expect(ended).toEqual([{ taskId: mine.taskId, attempt: 1 }]);
    expect(await rowOf(store, lost.taskId)).toMatchObject({ status: 'running' });
  });

  it('do not deadlock, whatever their order', async () => {
    const tasks = await runMany(store, 100);
    const backwards = tasks.toReversed();

    await Promise.all([
      fail(store, tasks.map(handBack)),
      succeedAlone(
        store,
        backwards.map((task) => success(task)),
      ),
      fail(
        store,
        backwards.map((task) => failure(task)),
      ),
    ]);

    const unended = await store.db.prisma.taskState.count({ where: { status: 'running' } });
    expect(unended).toBe(0);
    const queued = await store.db.prisma.taskState.count({ where: { status: 'queued' } });
    expect(await liveEntries(store)).toHaveLength(queued);
  });
});
