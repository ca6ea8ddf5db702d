/** What becomes of a task that is lost with its worker: whether the loss spends a try, and what it is put down to. */
import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { readHistory } from '../../src/tasks/queries/read.ts';
import { queueOf } from '../../src/tasks/queue/names.ts';
import { giveUp, type LostReason } from '../../src/tasks/workers/workers.ts';
import { liveEntries, skipWaits } from '../support/queue-entries.ts';
import {
  changeTask,
  kindsOf,
  rowOf,
  runTask,
  runTasks,
  saveCheckpoint,
  startWorker,
  takeAll,
  takeByNewWorker,
  useStore,
} from '../support/tasks.ts';

const store = useStore();

async function blameOf(taskId: string): Promise<unknown> {
  const lost = (await readHistory(store, taskId)).findLast(({ kind }) => kind === 'worker_lost');
  return (lost?.detail as { blame?: unknown } | undefined)?.blame;
}

/**
 * Loses the worker of a task. A queued task is claimed first, even one that must run alone or waits for the
 * time of its next try.
 */
async function lose(taskId: string, reason: LostReason = 'exited'): Promise<void> {
  const { workerId } = await runningAgain(taskId);
  await giveUp(store, workerId, reason, 'ended by SIGKILL');
}

async function loseAfterCheckpoint(taskId: string): Promise<void> {
  const { attempt, checkpointNo } = await runningAgain(taskId);
  expect(await saveCheckpoint(store, { taskId, attempt }, {}, checkpointNo)).toBe(true);
  await lose(taskId);
}

async function runningAgain(taskId: string) {
  const row = await rowOf(store, taskId);
  if (row.status !== 'running') {
    await skipWaits(store);
    await takeByNewWorker(store, queueOf(row));
  }
  const { workerId, attempt, checkpointNo } = await rowOf(store, taskId);
  if (workerId === null) throw new Error('the task was not claimed');
  return { workerId, attempt, checkpointNo };
}

describe('a task whose worker was lost', () => {
  it('where it ran alone has failed once, and is tried again after a while', async () => {
    const { taskId, workerId } = await runTask(store);

    const [moved] = await giveUp(store, workerId, 'exited', 'ended by SIGKILL');

    const row = await rowOf(store, taskId);
    expect(moved).toMatchObject({ taskId, status: 'queued', entryId: row.entryId });
    expect(row).toMatchObject({
      status: 'queued',
      failures: 1,
      losses: 1,
      workerId: null,
      error: {
        code: 'worker_lost',
        message: 'The worker that ran the task was lost (ended by SIGKILL)',
        attempt: 1,
      },
    });
    const waitMs = (row.nextAttemptAt?.getTime() ?? 0) - row.updatedAt.getTime();
    expect(waitMs).toBeGreaterThanOrEqual(749);
    expect(waitMs).toBeLessThanOrEqual(1251);
    expect(await liveEntries(store)).toEqual([{ id: row.entryId, taskId, startAfter: row.nextAttemptAt }]);
    const history = await readHistory(store, taskId);
    expect(history.map((event) => event.kind)).toEqual(['submitted', 'started', 'worker_lost']);
    expect(history.at(-1)?.detail).toMatchObject({
      code: 'worker_lost',
      failures: 1,
      maxAttempts: 3,
      blame: 'alone',
    });
  });

  it('where it ran alone at its last try has failed', async () => {
    const { taskId, workerId } = await runTask(store, { maxAttempts: 1 });

    await giveUp(store, workerId, 'exited', '');

    expect(await rowOf(store, taskId)).toMatchObject({
      status: 'failed',
      failures: 1,
      error: { code: 'worker_lost', message: 'The worker that ran the task was lost' },
      finishedAt: expect.any(Date),
      expiresAt: expect.any(Date),
    });
    expect(await kindsOf(store, taskId)).toEqual(['submitted', 'started', 'worker_lost', 'failed']);
    expect(await liveEntries(store)).toEqual([]);
  });

  it('where others ran beside it has not failed, and is tried again at once', async () => {
    const tasks = await runTasks(store, 2, { maxAttempts: 1 });

    await giveUp(store, tasks[0]?.workerId ?? '', 'exited', '');

    for (const { taskId } of tasks) {
      expect(await rowOf(store, taskId)).toMatchObject({
        status: 'queued',
        failures: 0,
        losses: 1,
        nextAttemptAt: null,
        error: { code: 'worker_lost' },
      });
      expect(await blameOf(taskId)).toBe('company');
    }
    expect(await takeByNewWorker(store)).toHaveLength(2);
  });

  it('because the task itself could not be stopped has timed out, even where others ran beside it', async () => {
    const [slow] = await runTasks(store, 3);

    const moved = await giveUp(store, slow.workerId, 'blocked', 'blocked', [slow.taskId]);

    expect(moved).toHaveLength(3);
    expect(await rowOf(store, slow.taskId)).toMatchObject({
      status: 'queued',
      failures: 1,
      losses: 0,
      nextAttemptAt: expect.any(Date),
      error: { code: 'timeout' },
    });
    expect(await kindsOf(store, slow.taskId)).toEqual(['submitted', 'started', 'retrying']);
  });

  it.each([1, 2])(
    'because the task itself could not be stopped has failed at its last try, as one of %i tasks',
    async (count) => {
      const [slow] = await runTasks(store, count, { maxAttempts: 1 });

      await giveUp(store, slow.workerId, 'blocked', 'blocked', [slow.taskId]);

      expect(await rowOf(store, slow.taskId)).toMatchObject({ status: 'failed', error: { code: 'timeout' } });
      expect(await kindsOf(store, slow.taskId)).toEqual(['submitted', 'started', 'failed']);
    },
  );

  it('because another task blocked it is not to blame, even where it is the only one left', async () => {
    const [slow, ...others] = await runTasks(store, 3, { maxAttempts: 1 });
    const left = await runTask(store, { maxAttempts: 1 });

    await giveUp(store, slow.workerId, 'blocked', 'blocked', [slow.taskId]);
    await giveUp(store, left.workerId, 'blocked', 'by code that goes on after its end');

    for (const { taskId } of [...others, left]) {
      expect(await rowOf(store, taskId)).toMatchObject({
        status: 'queued',
        failures: 0,
        losses: 0,
        nextAttemptAt: null,
        error: { code: 'worker_lost' },
      });
      expect((await kindsOf(store, taskId)).at(-1)).toBe('worker_lost');
      expect(await blameOf(taskId)).toBe('neighbour');
    }
  });

  it('and nobody saw how is not to blame: the parent was lost with it', async () => {
    const { taskId, workerId } = await runTask(store, { maxAttempts: 1 });

    await giveUp(store, workerId, 'lease_lapsed', 'it was not heard from');

    expect(await rowOf(store, taskId)).toMatchObject({
      status: 'queued',
      failures: 0,
      losses: 1,
      nextAttemptAt: null,
      error: { code: 'worker_lost' },
    });
    expect(await blameOf(taskId)).toBe('unseen');
  });

  it('after a checkpoint of this attempt is not to blame, but the loss is counted', async () => {
    const { taskId } = await runTask(store, { maxAttempts: 1 });
    await loseAfterCheckpoint(taskId);

    await loseAfterCheckpoint(taskId);

    expect(await rowOf(store, taskId)).toMatchObject({
      status: 'queued',
      attempt: 2,
      failures: 0,
      losses: 2,
    });
    expect(await blameOf(taskId)).toBe('progressed');
  });

  it('after a checkpoint of an earlier attempt is to blame: this attempt got no further', async () => {
    const { taskId } = await runTask(store);
    await loseAfterCheckpoint(taskId);

    await lose(taskId);

    expect(await rowOf(store, taskId)).toMatchObject({ status: 'queued', failures: 1, losses: 2 });
    expect(await blameOf(taskId)).toBe('alone');
    const losses = (await readHistory(store, taskId)).filter(({ kind }) => kind === 'worker_lost');
    expect(losses.map(({ detail }) => detail)).toMatchObject([
      { hasCheckpoint: true },
      { hasCheckpoint: true },
    ]);
  });

  it.each(['after checkpoints', 'in company', 'unseen'])(
    'spends a try each time from the tenth loss in a row on, even %s',
    async (how) => {
      const [{ taskId }] = await runTasks(store, 2, { maxAttempts: 2 });
      await changeTask(store, taskId, { losses: 8 });
      const loseAgain = () => {
        if (how === 'after checkpoints') return loseAfterCheckpoint(taskId);
        return lose(taskId, how === 'unseen' ? 'lease_lapsed' : 'exited');
      };

      await loseAgain();
      expect(await rowOf(store, taskId)).toMatchObject({ status: 'queued', failures: 0, losses: 9 });
      await loseAgain();
      expect(await rowOf(store, taskId)).toMatchObject({ status: 'queued', failures: 1, losses: 10 });
      expect(await blameOf(taskId)).toBe('repeated');
      await loseAgain();

      expect(await rowOf(store, taskId)).toMatchObject({
        status: 'failed',
        failures: 2,
        losses: 11,
        error: {
          message: 'The worker that ran the task was lost, the last of 11 in a row (ended by SIGKILL)',
        },
      });
    },
  );

  it('counts its losses from 0 again after an end of another kind', async () => {
    const { taskId } = await runTask(store, { maxAttempts: 20 });
    await changeTask(store, taskId, { losses: 9 });
    const { workerId } = await rowOf(store, taskId);

    await giveUp(store, workerId ?? '', 'handed_back', '');

    expect(await rowOf(store, taskId)).toMatchObject({ failures: 0, losses: 0 });
  });

  it('counts its losses in a row', async () => {
    const [task] = await runTasks(store, 2);
    await giveUp(store, task.workerId, 'exited', '');
    const next = await startWorker(store);
    await takeAll(store, next);

    await giveUp(store, next, 'exited', '');

    expect(await rowOf(store, task.taskId)).toMatchObject({ attempt: 2, failures: 0, losses: 2 });
  });

  it.each(['handed_back', 'stopped'] as const)(
    'because it was stopped is not to blame: %s',
    async (reason) => {
      const { taskId, workerId } = await runTask(store, { maxAttempts: 1 });
      await changeTask(store, taskId, { losses: 1 });

      await giveUp(store, workerId, reason, 'the service was stopped');

      expect(await rowOf(store, taskId)).toMatchObject({
        status: 'queued',
        failures: 0,
        losses: 0,
        error: null,
        nextAttemptAt: null,
      });
      expect(await kindsOf(store, taskId)).toEqual(['submitted', 'started', 'handed_back']);
    },
  );

  it.each(['exited', 'handed_back'] as const)(
    'after a request to cancel is cancelled: %s',
    async (reason) => {
      const { taskId, workerId } = await runTask(store);
      await cancelTask(store, taskId);

      await giveUp(store, workerId, reason, '');

      expect(await rowOf(store, taskId)).toMatchObject({
        status: 'cancelled',
        error: { code: 'cancelled' },
        finishedAt: expect.any(Date),
      });
      expect((await kindsOf(store, taskId)).at(-1)).toBe('cancelled');
      expect(await liveEntries(store)).toEqual([]);
    },
  );

  it('waits longer after each failure, at most five minutes', async () => {
    const { taskId, workerId } = await runTask(store, { maxAttempts: 100 });
    await changeTask(store, taskId, { failures: 50 });

    await giveUp(store, workerId, 'exited', '');

    const row = await rowOf(store, taskId);
    const waitMs = (row.nextAttemptAt?.getTime() ?? 0) - row.updatedAt.getTime();
    expect(waitMs).toBeGreaterThanOrEqual(224_999);
    expect(waitMs).toBeLessThanOrEqual(375_001);
  });
});
