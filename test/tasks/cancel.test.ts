import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { fail, succeedAlone } from '../../src/tasks/life/end.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import { failure, success } from '../support/ends.ts';
import { openTransaction, untilBlocked } from '../support/locks.ts';
import { entryState, liveEntries } from '../support/queue-entries.ts';
import { submit } from '../support/service.ts';
import { kindsOf, rowOf, runTask, startWorker, takeByNewWorker, useStore } from '../support/tasks.ts';

const store = useStore();
const dayMs = 24 * 3600 * 1000;

describe('cancelling', () => {
  it('a queued task ends it at once, and withdraws its entry', async () => {
    const task = await submit(store, 'noop', null);

    const cancelled = await cancelTask(store, task.id);

    expect(cancelled?.outcome).toBe('cancelled');
    const row = await rowOf(store, task.id);
    expect(cancelled?.task).toEqual(row);
    expect(row).toMatchObject({
      status: 'cancelled',
      error: { code: 'cancelled', message: 'The task was cancelled', attempt: 0, at: expect.any(String) },
      cancelRequestedAt: expect.any(Date),
      entryId: null,
      attempt: 0,
      version: task.version + 1,
    });
    expect((row.expiresAt?.getTime() ?? 0) - (row.finishedAt?.getTime() ?? 0)).toBe(30 * dayMs);
    expect(await liveEntries(store)).toEqual([]);
    expect(await entryState(store, task.entryId ?? '')).toBe('cancelled');
    expect(await kindsOf(store, task.id)).toEqual(['submitted', 'cancelled']);
    expect(await takeByNewWorker(store)).toEqual([]);
  });

  it('a task that waits for its next try ends it too', async () => {
    const task = await runTask(store);
    await fail(store, [failure(task, { delaySeconds: 600 })]);

    await cancelTask(store, task.taskId);

    expect(await rowOf(store, task.taskId)).toMatchObject({
      status: 'cancelled',
      nextAttemptAt: null,
      failures: 1,
      error: { code: 'cancelled', attempt: 1 },
    });
    expect(await liveEntries(store)).toEqual([]);
  });

  it('a running task asks its attempt to stop, and leaves it running', async () => {
    const task = await runTask(store);
    const before = await rowOf(store, task.taskId);

    const { outcome, task: after } = (await cancelTask(store, task.taskId)) ?? {};

    expect(outcome).toBe('requested');
    expect(after).toEqual({
      ...before,
      cancelRequestedAt: expect.any(Date),
      version: before.version + 1,
      updatedAt: expect.any(Date),
    });
    expect(await kindsOf(store, task.taskId)).toEqual(['submitted', 'started', 'cancel_requested']);
  });

  it('a second time changes nothing', async () => {
    const task = await runTask(store);
    await cancelTask(store, task.taskId);
    const before = await rowOf(store, task.taskId);

    expect(await cancelTask(store, task.taskId)).toEqual({ outcome: 'requested', task: before });

    expect(await kindsOf(store, task.taskId)).toEqual(['submitted', 'started', 'cancel_requested']);
  });

  it('a cancelled task says that it was cancelled already', async () => {
    const { id } = await submit(store, 'noop', null);
    await cancelTask(store, id);
    const before = await rowOf(store, id);

    expect(await cancelTask(store, id)).toEqual({ outcome: 'alreadyCancelled', task: before });
  });

  it('a task that succeeded, or failed, comes too late', async () => {
    const succeeded = await runTask(store);
    await succeedAlone(store, [success(succeeded)]);
    const failed = await runTask(store, { maxAttempts: 1 });
    await fail(store, [failure(failed, { outcome: 'permanent' })]);

    for (const { taskId } of [succeeded, failed]) {
      const before = await rowOf(store, taskId);
      expect(await cancelTask(store, taskId)).toEqual({ outcome: 'finished', task: before });
      expect(await rowOf(store, taskId)).toEqual(before);
    }
  });

  it('an unknown task returns null', async () => {
    expect(await cancelTask(store, newId())).toBeNull();
  });

  it('leaves other tasks alone', async () => {
    const [task, other] = [await submit(store, 'noop', 1), await submit(store, 'noop', 2)];

    await cancelTask(store, task.id);

    expect(await rowOf(store, other.id)).toEqual(other);
    expect(await liveEntries(store)).toMatchObject([{ taskId: other.id }]);
  });

  it('20 times at once cancels once', async () => {
    const { id } = await submit(store, 'noop', null);

    const all = await Promise.all(Array.from({ length: 20 }, () => cancelTask(store, id)));

    expect(all.filter((cancelled) => cancelled?.outcome === 'cancelled')).toHaveLength(1);
    expect(all.filter((cancelled) => cancelled?.outcome === 'alreadyCancelled')).toHaveLength(19);
    expect(await kindsOf(store, id)).toEqual(['submitted', 'cancelled']);
  });

  it('a task that is being claimed waits for the claim, and asks the attempt to stop', async () => {
    const { id } = await submit(store, 'noop', null);
    const workerId = await startWorker(store);
    await using claiming = await openTransaction(store);
    await claiming.query(
      `UPDATE task_state SET status = 'running', attempt = 1, worker_id = $2, entry_id = NULL WHERE id = $1`,
      [id, workerId],
    );

    const cancelled = cancelTask(store, id);
    await untilBlocked(store);
    await claiming.query('COMMIT');

    expect(await cancelled).toMatchObject({ outcome: 'requested', task: { status: 'running', attempt: 1 } });
  });

  it('a task that is ending waits for the end, and comes too late', async () => {
    const task = await runTask(store);
    await using ending = await openTransaction(store);
    await ending.query(
      `UPDATE task_state SET status = 'succeeded', percent_done = 100, finished_at = now() WHERE id = $1`,
      [task.taskId],
    );

    const cancelled = cancelTask(store, task.taskId);
    await untilBlocked(store);
    await ending.query('COMMIT');

    expect(await cancelled).toMatchObject({ outcome: 'finished', task: { cancelRequestedAt: null } });
    expect(await kindsOf(store, task.taskId)).not.toContain('cancel_requested');
  });
});
