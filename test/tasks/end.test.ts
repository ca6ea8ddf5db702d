/** The ends of attempts: one subject, by each way in which an attempt can end. */
import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { fail, stillRunning, succeedAlone } from '../../src/tasks/life/end.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { readHistory } from '../../src/tasks/queries/read.ts';
import { failure, handBack, jobError, success } from '../support/ends.ts';
import { openTransaction } from '../support/locks.ts';
import { liveEntries } from '../support/queue-entries.ts';
import { changeTask, kindsOf, rowOf, runTask, runTasks, takeAll, useStore } from '../support/tasks.ts';

const store = useStore();
const dayMs = 24 * 3600 * 1000;

describe('success', () => {
  it('ends the task at 100 percent with its result', async () => {
    const task = await runTask(store);
    const before = await rowOf(store, task.taskId);
    const report = { ...emptyReport, percentDone: 60, done: 10, total: 10, unit: 'rows', message: 'Done' };

    expect(await succeedAlone(store, [success(task, { report })])).toEqual([
      { taskId: task.taskId, attempt: 1 },
    ]);

    const row = await rowOf(store, task.taskId);
    expect(row).toMatchObject({
      status: 'succeeded',
      percentDone: 100,
      result: { ok: true },
      error: null,
      done: 10,
      total: 10,
      unit: 'rows',
      message: 'Done',
      ratePerSecond: null,
      etaSeconds: null,
      workerId: null,
      entryId: null,
      attempt: 1,
      failures: 0,
      version: before.version + 1,
    });
    expect((row.expiresAt?.getTime() ?? 0) - (row.finishedAt?.getTime() ?? 0)).toBe(30 * dayMs);
    expect(await kindsOf(store, task.taskId)).toEqual(['submitted', 'started', 'succeeded']);
    expect(await liveEntries(store)).toEqual([]);
  });

  it('keeps what was last reported where the end reports nothing new', async () => {
    const task = await runTask(store);
    await store.db.pool.query(
      `UPDATE task_state SET done = 7, total = 8, unit = 'rows', message = 'Reading'`,
    );

    await succeedAlone(store, [success(task)]);

    expect(await rowOf(store, task.taskId)).toMatchObject({
      done: 7,
      total: 8,
      unit: 'rows',
      message: 'Reading',
    });
  });

  it('clears the error of earlier tries and the losses in a row, not the failures', async () => {
    const task = await runTask(store);
    await changeTask(store, task.taskId, { failures: 1, losses: 1 });
    await store.db.pool.query(`UPDATE task_state SET error = '{"code": "x", "message": "y"}'`);

    await succeedAlone(store, [success(task)]);

    expect(await rowOf(store, task.taskId)).toMatchObject({ failures: 1, losses: 0, error: null });
  });

  it('counts even where cancel was requested meanwhile, and the history says so', async () => {
    const task = await runTask(store);
    await cancelTask(store, task.taskId);

    await succeedAlone(store, [success(task)]);

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'succeeded', percentDone: 100 });
    const history = await readHistory(store, task.taskId);
    expect(history.map((event) => event.kind)).toEqual([
      'submitted',
      'started',
      'cancel_requested',
      'succeeded',
    ]);
    expect(history.at(-1)?.detail).toMatchObject({ message: expect.stringContaining('cancel') });
  });

  it('is preceded by the log lines that no flush has written, in their order', async () => {
    const [one, two] = await runTasks(store, 2);
    const log = (name: string) => ({ ...emptyReport, log: [`${name} 1`, `${name} 2`, `${name} 3`] });

    await succeedAlone(
      store,
      [one, two].flatMap((task, i) => (task ? [success(task, { report: log(`task ${i}`) })] : [])),
    );

    const history = await readHistory(store, one?.taskId ?? '');
    expect(history.map((event) => event.kind)).toEqual([
      'submitted',
      'started',
      'log',
      'log',
      'log',
      'succeeded',
    ]);
    expect(history.slice(2, 5).map((event) => event.detail)).toEqual([
      { text: 'task 0 1' },
      { text: 'task 0 2' },
      { text: 'task 0 3' },
    ]);
  });
});

describe('a failure', () => {
  it('with tries left queues the task again, with a delay that the entry shares', async () => {
    const task = await runTask(store, { maxAttempts: 3 });
    const before = await rowOf(store, task.taskId);

    const [left] = await fail(store, [failure(task, { delaySeconds: 60 })]);

    const row = await rowOf(store, task.taskId);
    expect(row).toMatchObject({
      status: 'queued',
      attempt: 1,
      failures: 1,
      losses: 0,
      workerId: null,
      finishedAt: null,
      expiresAt: null,
      error: { ...jobError, attempt: 1, at: expect.any(String) },
      version: before.version + 1,
    });
    const delayMs = (row.nextAttemptAt?.getTime() ?? 0) - row.updatedAt.getTime();
    expect(delayMs).toBe(60_000);
    expect(await liveEntries(store)).toEqual([
      { id: row.entryId, taskId: task.taskId, startAfter: row.nextAttemptAt },
    ]);
    expect(left).toEqual({
      taskId: task.taskId,
      type: 'noop',
      status: 'queued',
      attempt: 1,
      losses: 0,
      entryId: row.entryId,
      nextAttemptAt: row.nextAttemptAt,
    });
    expect((await readHistory(store, task.taskId)).at(-1)).toMatchObject({
      kind: 'retrying',
      attempt: 1,
      detail: { ...jobError, failures: 1, maxAttempts: 3, nextAttemptAt: expect.any(String) },
    });
  });

  it('with a delay lets nobody claim the task before its time', async () => {
    const task = await runTask(store);

    await fail(store, [failure(task, { delaySeconds: 3600 })]);

    expect(await takeAll(store, task.workerId)).toEqual([]);
    expect(await store.queue.due(['noop'])).toEqual([]);
  });

  it('without a delay is due at once', async () => {
    const task = await runTask(store);

    await fail(store, [failure(task)]);

    expect(await rowOf(store, task.taskId)).toMatchObject({ nextAttemptAt: null });
    expect(await store.queue.due(['noop'])).toEqual(['noop']);
    expect(await takeAll(store, task.workerId)).toMatchObject([{ taskId: task.taskId, attempt: 2 }]);
  });

  it.each(['failed', 'timed_out'] as const)('of the last try ends the task: %s', async (outcome) => {
    const task = await runTask(store, { maxAttempts: 3 });
    await changeTask(store, task.taskId, { failures: 2, losses: 1 });

    await fail(store, [failure(task, { outcome })]);

    const row = await rowOf(store, task.taskId);
    expect(row).toMatchObject({
      status: 'failed',
      failures: 3,
      losses: 0,
      workerId: null,
      entryId: null,
      nextAttemptAt: null,
      result: null,
      error: { ...jobError, attempt: 1 },
      finishedAt: expect.any(Date),
    });
    expect((row.expiresAt?.getTime() ?? 0) - (row.finishedAt?.getTime() ?? 0)).toBe(30 * dayMs);
    expect(await liveEntries(store)).toEqual([]);
    expect((await kindsOf(store, task.taskId)).at(-1)).toBe('failed');
  });

  it('that is permanent ends the task, however many tries are left', async () => {
    const task = await runTask(store, { maxAttempts: 1000 });

    await fail(store, [failure(task, { outcome: 'permanent' })]);

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'failed', failures: 1 });
  });

  it('is judged by the failures, never by the number of the attempt', async () => {
    const task = await runTask(store, { maxAttempts: 2 });
    for (let n = 1; n <= 5; n += 1) {
      await fail(store, [handBack({ ...task, attempt: n })]);
      await takeAll(store, task.workerId);
    }

    await fail(store, [failure({ ...task, attempt: 6 })]);

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'queued', attempt: 6, failures: 1 });
  });

  it.each(['failed', 'timed_out', 'permanent', 'handed_back'] as const)(
    'after a request to cancel cancels the task: %s',
    async (outcome) => {
      const task = await runTask(store);
      await cancelTask(store, task.taskId);

      await fail(store, [failure(task, { outcome, delaySeconds: 60 })]);

      expect(await rowOf(store, task.taskId)).toMatchObject({
        status: 'cancelled',
        error: { code: 'cancelled', message: 'The task was cancelled', attempt: 1, at: expect.any(String) },
        finishedAt: expect.any(Date),
        expiresAt: expect.any(Date),
        workerId: null,
        nextAttemptAt: null,
      });
      expect(await liveEntries(store)).toEqual([]);
      expect(await kindsOf(store, task.taskId)).toEqual([
        'submitted',
        'started',
        'cancel_requested',
        'cancelled',
      ]);
    },
  );

  it('obeys a cancel that is being requested at the same moment', async () => {
    const task = await runTask(store);
    await using other = await openTransaction(store);
    await other.query('UPDATE task_state SET cancel_requested_at = now() WHERE id = $1', [task.taskId]);

    expect(await fail(store, [failure(task)])).toEqual([]);
    expect(await stillRunning(store, [task])).toEqual([{ taskId: task.taskId, attempt: 1 }]);
    await other.query('COMMIT');

    expect(await fail(store, [failure(task)])).toMatchObject([{ status: 'cancelled' }]);
    expect(await stillRunning(store, [task])).toEqual([]);
    expect(await liveEntries(store)).toEqual([]);
  });

  it('writes the last report and the log lines before its own event', async () => {
    const task = await runTask(store);
    const report = {
      percentDone: 40,
      done: 4,
      total: 10,
      unit: 'rows',
      ratePerSecond: 3,
      etaSeconds: 2,
      progressedMsAgo: 0,
      message: 'Reading',
      log: ['one', 'two'],
    };

    await fail(store, [failure(task, { report })]);

    const { log, progressedMsAgo, ...shown } = report;
    const row = await rowOf(store, task.taskId);
    expect(row).toMatchObject({ ...shown, ratePerSecond: null, etaSeconds: null });
    expect(row.progressedAt).toEqual(expect.any(Date));
    const history = await readHistory(store, task.taskId);
    expect(history.map((event) => event.kind)).toEqual(['submitted', 'started', 'log', 'log', 'retrying']);
    expect(history.slice(2, 4).map((event) => event.detail)).toEqual(log.map((text) => ({ text })));
  });
});
