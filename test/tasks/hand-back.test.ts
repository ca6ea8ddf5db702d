/** A hand-back: an attempt that ends because its runner stops, and gives its task to the next one. */
import { describe, expect, it } from 'vitest';
import { fail } from '../../src/tasks/life/end.ts';
import { failure, handBack, jobError } from '../support/ends.ts';
import { liveEntries } from '../support/queue-entries.ts';
import { changeTask, kindsOf, rowOf, runTask, takeAll, useStore } from '../support/tasks.ts';

const store = useStore();

describe('a hand-back', () => {
  it('queues the task again at once, without spending a try or showing an error', async () => {
    const task = await runTask(store, { maxAttempts: 1 });
    await changeTask(store, task.taskId, { failures: 0, losses: 1 });

    await fail(store, [handBack(task)]);

    const row = await rowOf(store, task.taskId);
    expect(row).toMatchObject({
      status: 'queued',
      failures: 0,
      losses: 0,
      error: null,
      nextAttemptAt: null,
      workerId: null,
    });
    expect(await liveEntries(store)).toMatchObject([{ id: row.entryId }]);
    expect((await kindsOf(store, task.taskId)).at(-1)).toBe('handed_back');
  });

  it('keeps the error of the try before', async () => {
    const task = await runTask(store);
    await fail(store, [failure(task)]);
    const [claimed] = await takeAll(store, task.workerId);

    await fail(store, [handBack({ ...task, attempt: claimed?.attempt ?? 0 })]);

    expect(await rowOf(store, task.taskId)).toMatchObject({
      failures: 1,
      error: { ...jobError, attempt: 1 },
    });
  });
});
