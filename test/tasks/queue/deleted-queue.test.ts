/**
 * A queue that somebody deletes with pg-boss's own tools must not cost a task its tries, nor a submit its
 * answer.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { fail } from '../../../src/tasks/life/end.ts';
import { retryTask } from '../../../src/tasks/life/retry.ts';
import { TaskQueue } from '../../../src/tasks/queue/queue.ts';
import { giveUp } from '../../../src/tasks/workers/workers.ts';
import { failure } from '../../support/ends.ts';
import { deleteQueue, skipWaits } from '../../support/queue-entries.ts';
import { submit } from '../../support/service.ts';
import { changeTask, rowOf, runTask, takeByNewWorker, useStore } from '../../support/tasks.ts';

const store = useStore();

describe('where somebody has deleted its queue', () => {
  // Each test begins with all queues: the one before may have deleted some.
  beforeEach(async () => void (await store.queue.ensureQueues()));

  it('a task is submitted all the same', async () => {
    await deleteQueue(store);

    const { id } = await submit(store, 'noop', null);

    expect(await takeByNewWorker(store)).toMatchObject([{ taskId: id, attempt: 1 }]);
  });

  it('a finished task gives up its key to a new task once', async () => {
    const key = 'import 7';
    const finished = await submit(store, 'noop', null, { key });
    await cancelTask(store, finished.id);
    await deleteQueue(store);

    const { id } = await submit(store, 'noop', null, { key, onConflict: 'replaceFinished' });

    expect(await rowOf(store, finished.id)).toMatchObject({ key: null, replacedBy: id });
    expect(await rowOf(store, id)).toMatchObject({ key, status: 'queued' });
  });

  it.each([
    ['failed', 1],
    ['handed_back', 0],
  ] as const)('an attempt that ends as %s is followed by another', async (outcome, failures) => {
    const task = await runTask(store);
    await deleteQueue(store);

    await fail(store, [failure(task, { outcome })]);

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'queued', failures });
    expect(await takeByNewWorker(store)).toMatchObject([{ taskId: task.taskId, attempt: 2 }]);
  });

  it('a lost worker’s task goes on', async () => {
    const task = await runTask(store);
    await deleteQueue(store);

    await giveUp(store, task.workerId, 'handed_back', 'the service was stopped');

    expect(await takeByNewWorker(store)).toMatchObject([{ taskId: task.taskId, attempt: 2 }]);
  });

  it('a task that lost its second worker waits for a runner of its own', async () => {
    const task = await runTask(store);
    await changeTask(store, task.taskId, { losses: 1 });
    await deleteQueue(store, 'noop.solo');

    await giveUp(store, task.workerId, 'lease_lapsed', '');
    await skipWaits(store);

    const claimed = await takeByNewWorker(store, 'noop.solo');
    expect(claimed).toMatchObject([{ taskId: task.taskId, attempt: 2 }]);
  });

  it('a person’s retry is queued', async () => {
    const { id } = await submit(store, 'noop', null);
    await cancelTask(store, id);
    await deleteQueue(store);

    expect(await retryTask(store, id, 'checkpoint')).toMatchObject({ outcome: 'queued' });

    expect(await takeByNewWorker(store)).toMatchObject([{ taskId: id }]);
  });

  it('a process that does not know the queue creates it, too', async () => {
    const task = await runTask(store);
    await deleteQueue(store);
    await using other = await startRunner();

    await fail(other.store, [failure(task)]);

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'queued', failures: 1 });
  });
});

/** The store of a runner, which knows only the queues that exist when it starts. */
async function startRunner() {
  const queue = await TaskQueue.open(store.db, () => undefined);
  return { store: { db: store.db, queue, retentionDays: 30 }, [Symbol.asyncDispose]: () => queue.close() };
}
