import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { fail } from '../../../src/tasks/life/end.ts';
import { queueOf, queueSql, soloQueue, typeOfQueue } from '../../../src/tasks/queue/names.ts';
import { giveUp } from '../../../src/tasks/workers/workers.ts';
import { failure } from '../../support/ends.ts';
import { violations } from '../../support/invariants.ts';
import { entryState, liveEntries, skipWaits } from '../../support/queue-entries.ts';
import { submit } from '../../support/service.ts';
import {
  changeTask,
  type RunningTask,
  rowOf,
  runTask,
  runTasks,
  startWorker,
  takeAll,
  takeByNewWorker,
  useStore,
} from '../../support/tasks.ts';

const store = useStore();
const solo = soloQueue('noop');

/**
 * A task that lost its worker twice, together with others, and waits for a worker of its own. The others have
 * ended.
 */
async function loseTwice(): Promise<RunningTask> {
  const [task, companion] = await runTasks(store, 2);
  await giveUp(store, task.workerId, 'exited', '');
  const next = await startWorker(store);
  const again = await takeAll(store, next);
  await giveUp(store, next, 'exited', '');
  await cancelTask(store, companion.taskId);
  const claimed = again.find(({ taskId }) => taskId === task.taskId);
  if (!claimed) throw new Error('not claimed again');
  return { ...task, workerId: next, claimed };
}

describe('a task that lost its worker twice in a row', () => {
  it('waits in the queue of the tasks that run alone', async () => {
    const { taskId } = await loseTwice();

    expect(await rowOf(store, taskId)).toMatchObject({ status: 'queued', failures: 0, losses: 2 });
    expect(await store.queue.due(['noop', solo])).toEqual([solo]);
    expect(await takeByNewWorker(store)).toEqual([]);
    expect(await violations(store)).toEqual([]);
  });

  it('is claimed from there, and its entry is settled', async () => {
    const { taskId } = await loseTwice();
    const { entryId } = await rowOf(store, taskId);

    const claimed = await takeByNewWorker(store, solo);

    expect(claimed).toMatchObject([{ taskId, type: 'noop', attempt: 3 }]);
    expect(await entryState(store, entryId ?? '')).toBeUndefined();
  });

  it('fails there when it loses its worker again and again', async () => {
    const { taskId } = await loseTwice();

    for (const failures of [1, 2, 3]) {
      await skipWaits(store);
      const alone = await startWorker(store);
      expect(await takeAll(store, alone, solo)).toHaveLength(1);
      await giveUp(store, alone, 'exited', 'exit code 3');
      expect(await rowOf(store, taskId)).toMatchObject({ failures, losses: 2 + failures });
    }

    expect(await rowOf(store, taskId)).toMatchObject({
      status: 'failed',
      error: { code: 'worker_lost', message: 'The worker that ran the task was lost (exit code 3)' },
    });
    expect(await violations(store)).toEqual([]);
  });

  it('is cancelled there', async () => {
    const { taskId } = await loseTwice();
    const { entryId } = await rowOf(store, taskId);

    await cancelTask(store, taskId);

    expect(await rowOf(store, taskId)).toMatchObject({ status: 'cancelled' });
    expect(await entryState(store, entryId ?? '')).toBe('cancelled');
    expect(await liveEntries(store)).toEqual([]);
  });

  it('goes back to the queue of its type after any other end', async () => {
    const { taskId } = await loseTwice();
    const [claimed] = await takeByNewWorker(store, solo);

    await fail(store, [failure({ taskId, attempt: claimed?.attempt ?? 0 })]);

    expect(await rowOf(store, taskId)).toMatchObject({ status: 'queued', losses: 0, failures: 1 });
    expect(await store.queue.due(['noop', solo])).toEqual(['noop']);
  });
});

describe('the queue of a task', () => {
  it.each([0, 1, 2, 3])('is the same in SQL after %i losses', async (losses) => {
    const { taskId } = await runTask(store);
    await changeTask(store, taskId, { losses });

    const { rows } = await store.db.pool.query<{ queue: string }>(
      `SELECT ${queueSql('task')} AS queue FROM task_state AS task`,
    );

    const queue = queueOf({ type: 'noop', losses });
    expect(rows).toEqual([{ queue }]);
    expect(typeOfQueue(queue)).toBe('noop');
  });

  it('is reported as due only where its entry has waited for as long as the caller asks', async () => {
    await submit(store, 'noop', null);

    expect(await store.queue.due(['noop'])).toEqual(['noop']);
    expect(await store.queue.due(['noop'], { forMs: 3_600_000 })).toEqual([]);
  });
});
