import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { type AttemptRef, fail, succeedAlone } from '../../src/tasks/life/end.ts';
import { retryTask } from '../../src/tasks/life/retry.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { readHistory } from '../../src/tasks/queries/read.ts';
import { giveUp } from '../../src/tasks/workers/workers.ts';
import { failure, success } from '../support/ends.ts';
import { violations } from '../support/invariants.ts';
import { openTransaction, untilBlocked } from '../support/locks.ts';
import { liveEntries } from '../support/queue-entries.ts';
import { submit } from '../support/service.ts';
import {
  changeTask,
  kindsOf,
  rowOf,
  runTask,
  saveCheckpoint,
  takeByNewWorker,
  useStore,
} from '../support/tasks.ts';

const store = useStore();
/** A task that has failed in its second attempt, after a checkpoint in the first. */
async function failedTask(): Promise<AttemptRef> {
  const first = await runTask(store, { maxAttempts: 2 });
  await saveCheckpoint(store, first, { offset: 7 });
  await end(first);
  const [second] = await takeByNewWorker(store);
  if (!second) throw new Error('not tried again');
  await end(second);
  return second;
}

async function end(attempt: AttemptRef): Promise<void> {
  const report = { ...emptyReport, done: 3, total: 10, unit: 'rows', message: 'Row 3', percentDone: 30 };
  const error = { code: 'x', message: 'It did not work' };
  await fail(store, [failure(attempt, { error, report })]);
}

const queuedAnew = {
  status: 'queued',
  failures: 0,
  losses: 0,
  error: null,
  result: null,
  cancelRequestedAt: null,
  finishedAt: null,
  expiresAt: null,
  nextAttemptAt: null,
  workerId: null,
};

describe('retrying', () => {
  it('queues a failed task with all of its tries, to go on from its checkpoint', async () => {
    const { taskId } = await failedTask();
    const before = await rowOf(store, taskId);
    expect(before).toMatchObject({ status: 'failed', failures: 2, attempt: 2 });

    const retried = await retryTask(store, taskId, 'checkpoint');

    const row = await rowOf(store, taskId);
    expect(retried).toEqual({ outcome: 'queued', task: row });
    expect(row).toMatchObject({ ...queuedAnew, attempt: 2, version: before.version + 1, percentDone: 30 });
    expect(await liveEntries(store)).toMatchObject([{ id: row.entryId, taskId }]);
    expect((await readHistory(store, taskId)).at(-1)).toMatchObject({
      kind: 'retried',
      attempt: 2,
      detail: { from: 'checkpoint' },
    });
    expect(await violations(store)).toEqual([]);
    expect(await takeByNewWorker(store)).toMatchObject([
      { taskId, attempt: 3, failures: 0, checkpoint: { offset: 7 }, checkpointNo: 1, cancelRequested: false },
    ]);
  });

  it('begins from the start where a person asks for it', async () => {
    const { taskId } = await failedTask();

    await retryTask(store, taskId, 'start');

    expect(await rowOf(store, taskId)).toMatchObject({
      ...queuedAnew,
      percentDone: 0,
      done: null,
      total: null,
      unit: null,
      message: null,
    });
    expect(await takeByNewWorker(store)).toMatchObject([
      { taskId, attempt: 3, checkpoint: null, checkpointNo: 0 },
    ]);
  });

  it('queues a cancelled task, which runs until it is cancelled again', async () => {
    const { id } = await submit(store, 'noop', null);
    await cancelTask(store, id);

    expect(await retryTask(store, id, 'checkpoint')).toMatchObject({ outcome: 'queued' });

    expect(await rowOf(store, id)).toMatchObject(queuedAnew);
    expect(await violations(store)).toEqual([]);
    expect(await takeByNewWorker(store)).toMatchObject([{ cancelRequested: false }]);
    expect(await cancelTask(store, id)).toMatchObject({ outcome: 'requested' });
  });

  it('sends a task that killed its workers to ordinary workers again', async () => {
    const task = await runTask(store, { maxAttempts: 1 });
    await changeTask(store, task.taskId, { losses: 2 });
    await giveUp(store, task.workerId, 'exited', '');
    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'failed', losses: 3 });

    await retryTask(store, task.taskId, 'checkpoint');

    expect(await store.queue.due(['noop', 'noop.solo'])).toEqual(['noop']);
  });

  it('ten times at once queues it once', async () => {
    const { taskId } = await failedTask();

    const answers = await Promise.all(
      Array.from({ length: 10 }, () => retryTask(store, taskId, 'checkpoint')),
    );

    expect(answers.map((answer) => answer?.outcome).sort()).toEqual([
      'queued',
      ...Array.from({ length: 9 }, () => 'unfinished'),
    ]);
    expect(await liveEntries(store)).toHaveLength(1);
    expect((await kindsOf(store, taskId)).filter((kind) => kind === 'retried')).toHaveLength(1);
  });

  it('lets no late report of an old attempt through', async () => {
    const old = await failedTask();
    await retryTask(store, old.taskId, 'checkpoint');

    const ended = await succeedAlone(store, [success(old)]);

    expect(ended).toEqual([]);
    expect(await rowOf(store, old.taskId)).toMatchObject({ status: 'queued' });
  });

  it('is refused for a task that is queued or runs', async () => {
    const { taskId } = await runTask(store);
    const { id } = await submit(store, 'noop', null);
    const before = [await rowOf(store, taskId), await rowOf(store, id)];

    expect(await retryTask(store, taskId, 'start')).toEqual({ outcome: 'unfinished', task: before[0] });
    expect(await retryTask(store, id, 'start')).toEqual({ outcome: 'unfinished', task: before[1] });
  });

  it('is refused for a task that has succeeded', async () => {
    const task = await runTask(store);
    await succeedAlone(store, [success(task, { result: '{}' })]);

    expect(await retryTask(store, task.taskId, 'start')).toMatchObject({ outcome: 'succeeded' });
    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'succeeded', result: {} });
  });

  it('is refused where the work is done outside Headway', async () => {
    const { taskId } = await failedTask();
    await changeTask(store, taskId, { reportTokenHash: 'x' });

    expect(await retryTask(store, taskId, 'start')).toMatchObject({ outcome: 'external' });
  });

  it('is refused once another task has its key', async () => {
    const { id } = await submit(store, 'noop', null, { key: 'k' });
    await cancelTask(store, id);
    const newer = await submit(store, 'noop', null, { key: 'k', onConflict: 'replaceFinished' });

    expect(await retryTask(store, id, 'start')).toMatchObject({
      outcome: 'replaced',
      task: { status: 'cancelled', replacedBy: newer.id },
    });
  });

  it('waits for a submit that takes the key, and is refused', async () => {
    const { id } = await submit(store, 'noop', null, { key: 'k' });
    await cancelTask(store, id);
    await using submitting = await openTransaction(store);
    await submitting.query('UPDATE task_state SET key = NULL, replaced_by = $2 WHERE id = $1', [id, newId()]);

    const retried = retryTask(store, id, 'start');
    await untilBlocked(store);
    await submitting.query('COMMIT');

    expect(await retried).toMatchObject({ outcome: 'replaced' });
    expect(await liveEntries(store)).toEqual([]);
  });

  it('of an unknown task returns null', async () => {
    expect(await retryTask(store, newId(), 'start')).toBeNull();
  });
});
