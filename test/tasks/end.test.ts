import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/cancel.ts';
import { type Failure, fail, type Success, stillRunning, succeedAlone } from '../../src/tasks/end.ts';
import { newId } from '../../src/tasks/ids.ts';
import { readHistory } from '../../src/tasks/read.ts';
import { giveUp } from '../../src/tasks/workers.ts';
import {
  emptyReport,
  kindsOf,
  liveEntries,
  openRaw,
  type RunningTask,
  rowOf,
  runTask,
  runTasks,
  startWorker,
  takeAll,
  useStore,
} from '../support/tasks.ts';

const store = useStore();
const error = { code: 'job_error', message: 'it broke' };
const dayMs = 24 * 3600 * 1000;

function success({ taskId, attempt }: RunningTask, options: Partial<Success> = {}): Success {
  return { taskId, attempt, result: '{"ok": true}', report: emptyReport, ...options };
}

function failure({ taskId, attempt }: RunningTask, options: Partial<Failure> = {}): Failure {
  return { taskId, attempt, outcome: 'failed', error, delaySeconds: 0, report: emptyReport, ...options };
}

const handBack = (task: RunningTask) => failure(task, { outcome: 'handed_back', error: undefined });

/** Set directly: how a task came to its counters does not matter here. */
async function setCounters(taskId: string, failures: number, losses: number): Promise<void> {
  await store.db.prisma.taskState.update({ where: { id: taskId }, data: { failures, losses } });
}

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
    await setCounters(task.taskId, 1, 1);
    await store.db.pool.query(`UPDATE task_state SET error = '{"code": "x", "message": "y"}'`);

    await succeedAlone(store, [success(task)]);

    expect(await rowOf(store, task.taskId)).toMatchObject({ failures: 1, losses: 0, error: null });
  });

  it('counts also where cancel was requested meanwhile, and says so', async () => {
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

  it('is preceded by the lines of log that no flush has taken, in their order', async () => {
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
      error: { ...error, attempt: 1, at: expect.any(String) },
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
      detail: { ...error, failures: 1, maxAttempts: 3, nextAttemptAt: expect.any(String) },
    });
  });

  it('with a delay is not fetched before its time', async () => {
    const task = await runTask(store);

    await fail(store, [failure(task, { delaySeconds: 60 })]);

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
    await setCounters(task.taskId, 2, 1);

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
      error: { ...error, attempt: 1 },
      finishedAt: expect.any(Date),
    });
    expect((row.expiresAt?.getTime() ?? 0) - (row.finishedAt?.getTime() ?? 0)).toBe(30 * dayMs);
    expect(await liveEntries(store)).toEqual([]);
    expect((await kindsOf(store, task.taskId)).at(-1)).toBe('failed');
  });

  it('for good ends the task, whatever tries are left', async () => {
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
    'after a request to cancel is a cancel: %s',
    async (outcome) => {
      const task = await runTask(store);
      await cancelTask(store, task.taskId);

      await fail(store, [failure(task, { outcome, delaySeconds: 60 })]);

      expect(await rowOf(store, task.taskId)).toMatchObject({
        status: 'cancelled',
        error: { code: 'cancelled', message: 'It was cancelled', attempt: 1, at: expect.any(String) },
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

  it('heeds a cancel that is being requested at this moment', async () => {
    const task = await runTask(store);
    await using other = await openRaw(store);
    await other.query('BEGIN');
    await other.query('UPDATE task_state SET cancel_requested_at = now() WHERE id = $1', [task.taskId]);

    expect(await fail(store, [failure(task)])).toEqual([]);
    expect(await stillRunning(store, [task])).toEqual([{ taskId: task.taskId, attempt: 1 }]);
    await other.query('COMMIT');

    expect(await fail(store, [failure(task)])).toMatchObject([{ status: 'cancelled' }]);
    expect(await stillRunning(store, [task])).toEqual([]);
    expect(await liveEntries(store)).toEqual([]);
  });

  it('writes the last report and the lines of log, before it says what happened', async () => {
    const task = await runTask(store);
    const report = {
      percentDone: 40,
      done: 4,
      total: 10,
      unit: 'rows',
      ratePerSecond: 3,
      message: 'Reading',
      log: ['one', 'two'],
    };

    await fail(store, [failure(task, { report })]);

    const { log, ...shown } = report;
    expect(await rowOf(store, task.taskId)).toMatchObject({ ...shown, ratePerSecond: null });
    const history = await readHistory(store, task.taskId);
    expect(history.map((event) => event.kind)).toEqual(['submitted', 'started', 'log', 'log', 'retrying']);
    expect(history.slice(2, 4).map((event) => event.detail)).toEqual(log.map((text) => ({ text })));
  });
});

describe('a hand-back', () => {
  it('queues the task again at once, no try spent and no error shown', async () => {
    const task = await runTask(store, { maxAttempts: 1 });
    await setCounters(task.taskId, 0, 1);

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

    expect(await rowOf(store, task.taskId)).toMatchObject({ failures: 1, error: { ...error, attempt: 1 } });
  });
});

describe('the fence', () => {
  const ends = [
    ['success', (task: RunningTask) => succeedAlone(store, [success(task)])],
    ['failure', (task: RunningTask) => fail(store, [failure(task)])],
    ['hand-back', (task: RunningTask) => fail(store, [handBack(task)])],
  ] as const;

  it.each(ends)('lets an attempt that was taken away end nothing: %s', async (_name, end) => {
    const task = await runTask(store);
    await giveUp(store, task.workerId, 'handed_back', '');
    const [again] = await takeAll(store, await startWorker(store));
    const before = await rowOf(store, task.taskId);

    expect(await end(task)).toEqual([]);

    expect(again?.attempt).toBe(2);
    expect(await rowOf(store, task.taskId)).toEqual(before);
    expect(await liveEntries(store)).toEqual([]);
  });

  it.each(ends)('lets an attempt of the future end nothing: %s', async (_name, end) => {
    const task = await runTask(store);
    const before = await rowOf(store, task.taskId);

    expect(await end({ ...task, attempt: 2 })).toEqual([]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
  });

  it.each(ends)('lets nothing end a task that waits: %s', async (_name, end) => {
    const task = await runTask(store);
    await fail(store, [handBack(task)]);
    const before = await rowOf(store, task.taskId);

    expect(await end(task)).toEqual([]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
    expect(await liveEntries(store)).toHaveLength(1);
  });

  it.each(ends)('lets nothing end a task twice: %s', async (_name, end) => {
    const task = await runTask(store);
    await succeedAlone(store, [success(task)]);
    const before = await rowOf(store, task.taskId);
    const events = await kindsOf(store, task.taskId);

    expect(await end(task)).toEqual([]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
    expect(await kindsOf(store, task.taskId)).toEqual(events);
  });

  it('keeps the report and the log of an attempt that was taken away out', async () => {
    const task = await runTask(store);
    await giveUp(store, task.workerId, 'exited', '');
    const before = await rowOf(store, task.taskId);
    const report = { ...emptyReport, percentDone: 50, done: 5, message: 'late', log: ['late'] };

    await fail(store, [failure(task, { report })]);
    await succeedAlone(store, [success(task, { report })]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
    expect(await kindsOf(store, task.taskId)).not.toContain('log');
  });

  it('is of no consequence to an unknown task', async () => {
    const nobody = { workerId: newId(), taskId: newId(), attempt: 1 } as RunningTask;

    expect(await succeedAlone(store, [success(nobody)])).toEqual([]);
    expect(await fail(store, [failure(nobody)])).toEqual([]);
  });
});

describe('ends that share a statement', () => {
  it('are each judged by their own row', async () => {
    const tasks = await runTasks(store, 6, { maxAttempts: 2 });
    const [retried, exhausted, cancelled, permanent, handedBack, lost] = tasks as [
      RunningTask,
      RunningTask,
      RunningTask,
      RunningTask,
      RunningTask,
      RunningTask,
    ];
    await setCounters(exhausted.taskId, 1, 0);
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
    expect(await rowOf(store, exhausted.taskId)).toMatchObject({ error, failures: 2 });
    expect(await rowOf(store, lost.taskId)).toMatchObject({ status: 'running', attempt: 1 });
    expect((await liveEntries(store)).map((entry) => entry.taskId).sort()).toEqual(
      [retried.taskId, handedBack.taskId].sort(),
    );
  });

  it('of successes report those that still belonged to their runner', async () => {
    const [mine, lost] = (await runTasks(store, 2)) as [RunningTask, RunningTask];

    const ended = await succeedAlone(store, [success({ ...lost, attempt: 7 }), success(mine)]);

    expect(ended).toEqual([{ taskId: mine.taskId, attempt: 1 }]);
    expect(await rowOf(store, lost.taskId)).toMatchObject({ status: 'running' });
  });

  it('do not deadlock, whatever their order', async () => {
    const tasks = await runTasks(store, 100);
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
