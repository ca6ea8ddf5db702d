import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { fail } from '../../../src/tasks/life/end.ts';
import { newId } from '../../../src/tasks/model/ids.ts';
import { emptyReport } from '../../../src/tasks/model/progress-report.ts';
import { flushProgress } from '../../../src/tasks/progress/flush.ts';
import { claimTasks } from '../../../src/tasks/queue/claim.ts';
import { giveUp } from '../../../src/tasks/workers/workers.ts';
import { failure, handBack } from '../../support/ends.ts';
import { lockTask, openTransaction, untilBlocked } from '../../support/locks.ts';
import { entryState, liveEntries } from '../../support/queue-entries.ts';
import { submit } from '../../support/service.ts';
import {
  kindsOf,
  rowOf,
  runTask,
  startWorker,
  submitMany,
  takeAll,
  takeByNewWorker,
  useStore,
} from '../../support/tasks.ts';

const store = useStore();

describe('a claim', () => {
  it('begins an attempt, and settles the entry', async () => {
    const task = await submit(store, 'noop', { n: 1 }, { maxAttempts: 4 });
    const workerId = await startWorker(store);

    const { attempts } = await claimTasks(store, workerId, 'noop', 10);

    expect(attempts).toEqual([
      {
        taskId: task.id,
        type: 'noop',
        attempt: 1,
        failures: 0,
        maxAttempts: 4,
        input: { n: 1 },
        checkpoint: null,
        checkpointNo: 0,
        cancelRequested: false,
      },
    ]);
    expect(await rowOf(store, task.id)).toMatchObject({
      status: 'running',
      attempt: 1,
      workerId,
      entryId: null,
      startedAt: expect.any(Date),
      version: task.version + 1,
    });
    expect(await entryState(store, task.entryId ?? '')).toBeUndefined();
    expect(await kindsOf(store, task.id)).toEqual(['submitted', 'started']);
  });

  it('takes as many as are asked for, the oldest first, and says whether there may be more', async () => {
    const tasks = [
      await submit(store, 'noop', 1),
      await submit(store, 'noop', 2),
      await submit(store, 'noop', 3),
    ];
    const workerId = await startWorker(store);

    const first = await claimTasks(store, workerId, 'noop', 2);
    expect(await liveEntries(store)).toMatchObject([{ taskId: tasks[2]?.id }]);
    const second = await claimTasks(store, workerId, 'noop', 2);

    expect(first.attempts.map(({ taskId }) => taskId).sort()).toEqual([tasks[0]?.id, tasks[1]?.id].sort());
    expect(first.hasMore).toBe(true);
    expect(second).toMatchObject({ attempts: [{ taskId: tasks[2]?.id }], hasMore: false });
  });

  it.each([
    ['no id', `'{"taskId": "x"}'`],
    ['another task', `jsonb_build_object('taskId', gen_random_uuid())`],
    ['no task', `'[]'`],
    ['nothing', 'NULL'],
  ])(
    'settles an entry whose data were changed to name %s, and takes the entries behind it',
    async (_what, data) => {
      const [changed, sound] = [await submit(store, 'noop', 1), await submit(store, 'noop', 2)];
      await store.db.pool.query(`UPDATE pgboss.job SET data = ${data} WHERE id = $1`, [changed.entryId]);

      const claimed = await takeByNewWorker(store);

      expect(claimed.map((attempt) => attempt.taskId)).toEqual([sound.id]);
      expect(await liveEntries(store)).toEqual([]);
      expect(await rowOf(store, changed.id)).toMatchObject({ status: 'queued', attempt: 0 });
    },
  );

  it.each([`type = 'of-another-service'`, 'losses = 5'])(
    'settles an entry whose task was changed by hand to wait elsewhere, %s, and takes the entries behind it',
    async (change) => {
      const [changed, sound] = [await submit(store, 'noop', 1), await submit(store, 'noop', 2)];
      await store.db.pool.query(`UPDATE task_state SET ${change} WHERE id = $1`, [changed.id]);

      const claimed = await takeByNewWorker(store);

      expect(claimed.map((attempt) => attempt.taskId)).toEqual([sound.id]);
      expect(await liveEntries(store)).toEqual([]);
      expect(await rowOf(store, changed.id)).toMatchObject({ status: 'queued', attempt: 0 });
    },
  );

  it('takes many at once', async () => {
    const tasks = await submitMany(store, 20);

    const claimed = await takeByNewWorker(store);

    expect(claimed.map((attempt) => attempt.taskId).sort()).toEqual(tasks.map((task) => task.id).sort());
    expect(await liveEntries(store)).toEqual([]);
  });

  it('takes nothing for a worker that was given up, and leaves the entry', async () => {
    const task = await submit(store, 'noop', null);
    const workerId = await startWorker(store);
    await giveUp(store, workerId, 'exited', 'exit code 1');

    expect(await takeAll(store, workerId)).toEqual([]);

    expect(await rowOf(store, task.id)).toEqual(task);
    expect(await liveEntries(store)).toMatchObject([{ id: task.entryId }]);
  });

  it('takes nothing for a worker that nobody knows', async () => {
    const task = await submit(store, 'noop', null);

    expect(await takeAll(store, newId())).toEqual([]);

    expect(await rowOf(store, task.id)).toEqual(task);
  });

  it('takes nothing where the worker is being given up at this moment', async () => {
    const task = await submit(store, 'noop', null);
    const workerId = await startWorker(store);
    await using other = await openTransaction(store);
    await other.query('UPDATE worker SET lost_at = now() WHERE id = $1', [workerId]);

    const claimed = takeAll(store, workerId);
    await untilBlocked(store);
    await other.query('COMMIT');

    expect(await claimed).toEqual([]);
    expect(await rowOf(store, task.id)).toEqual(task);
  });

  it('takes nothing for an entry that its task no longer waits for, and settles the entry', async () => {
    const { taskId, attempt, workerId } = await runTask(store);
    await fail(store, [handBack({ taskId, attempt })]);
    const queued = await rowOf(store, taskId);
    const stale = [newId(), newId()].map((id) => ({ id, taskId, type: 'noop', losses: 0 }));
    await store.queue.send(stale, store.db.pool);
    await store.db.pool.query(
      `UPDATE pgboss.job SET created_on = created_on + interval '1 hour' WHERE id = $1`,
      [queued.entryId],
    );

    const claim = await claimTasks(store, workerId, 'noop', 2);

    expect(claim).toEqual({ attempts: [], hasMore: true });
    expect(await rowOf(store, taskId)).toEqual(queued);
    expect(await liveEntries(store)).toMatchObject([{ id: queued.entryId }]);
    expect(await takeAll(store, workerId)).toMatchObject([{ taskId, attempt: 2 }]);
  });

  it('by two workers at once gives each task to one of them', async () => {
    await submitMany(store, 30);
    const [one, two] = [await startWorker(store), await startWorker(store)];

    const claims: string[] = [];
    while (claims.length < 30) {
      const both = await Promise.all([claimTasks(store, one, 'noop', 5), claimTasks(store, two, 'noop', 5)]);
      claims.push(...both.flatMap(({ attempts }) => attempts.map(({ taskId }) => taskId)));
    }

    expect(new Set(claims).size).toBe(30);
    const attempts = await store.db.prisma.taskState.aggregate({ _max: { attempt: true } });
    expect(attempts._max.attempt).toBe(1);
    expect(await liveEntries(store)).toEqual([]);
  });

  it('leaves a task that somebody has locked, and its entry, to the next claim', async () => {
    const [held, free] = [await submit(store, 'noop', 1), await submit(store, 'noop', 2)];
    const workerId = await startWorker(store);
    await using other = await lockTask(store, held.id);

    expect(await takeAll(store, workerId)).toMatchObject([{ taskId: free.id }]);
    expect(await liveEntries(store)).toMatchObject([{ id: held.entryId }]);
    await other.query('COMMIT');

    expect(await takeAll(store, workerId)).toMatchObject([{ taskId: held.id }]);
  });

  it('and cancels at the same time never deadlock: each task is cancelled, or runs and is asked to stop', async () => {
    const tasks = await submitMany(store, 40);
    const workerId = await startWorker(store);

    const cancels = tasks.map(({ id }) => cancelTask(store, id));
    const claims = Array.from({ length: 8 }, () => claimTasks(store, workerId, 'noop', 5));
    await Promise.all([...cancels, ...claims]);

    const rows = await store.db.prisma.taskState.findMany();
    expect(rows.every((row) => row.status === 'cancelled' || row.status === 'running')).toBe(true);
    expect(rows.every((row) => row.cancelRequestedAt !== null)).toBe(true);
    expect(await liveEntries(store)).toEqual([]);
  });

  /** A task that has failed at 40 percent and is claimed again. */
  async function failAndClaim(checkpoint: string | null) {
    const { taskId, attempt, workerId } = await runTask(store);
    await store.db.pool.query(
      `UPDATE task_state SET checkpoint = $2::jsonb, checkpoint_no = 3, rate_per_second = 2, eta_seconds = 9 WHERE id = $1`,
      [taskId, checkpoint],
    );
    const report = { ...emptyReport, percentDone: 40, done: 4, total: 10, unit: 'rows', message: 'Reading' };
    await fail(store, [failure({ taskId, attempt }, { report })]);
    const [claimed] = await takeAll(store, workerId);
    return { taskId, workerId, claimed };
  }

  it('begins a further attempt with the checkpoint and the count of failures, with counters of its own, and keeps the percentage', async () => {
    const { taskId, workerId, claimed } = await failAndClaim('{"offset": 7}');

    expect(claimed).toMatchObject({ attempt: 2, failures: 1, checkpoint: { offset: 7 }, checkpointNo: 3 });
    const row = await rowOf(store, taskId);
    expect(row.progressedAt).toEqual(row.startedAt);
    expect(row).toMatchObject({
      percentDone: 40,
      done: null,
      total: null,
      unit: null,
      ratePerSecond: null,
      etaSeconds: null,
      message: null,
      nextAttemptAt: null,
      error: { message: 'it broke' },
    });

    const told = async (done: number) => {
      const report = { ...emptyReport, percentDone: done, done, total: 100 };
      await flushProgress(store, workerId, [{ taskId, attempt: 2, report }]);
      const row = await rowOf(store, taskId);
      return [row.done, row.percentDone];
    };
    expect(await told(10)).toEqual([10, 40]);
    expect(await told(39)).toEqual([39, 40]);
    expect(await told(41)).toEqual([41, 41]);
  });

  it.each([null, 'null'])(
    'begins from the start, at 0 percent, where the checkpoint is %s',
    async (checkpoint) => {
      const { taskId } = await failAndClaim(checkpoint);

      expect(await rowOf(store, taskId)).toMatchObject({ attempt: 2, percentDone: 0, done: null });
    },
  );
});
