/** What the statements that begin and end attempts tell the tally. */
import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { fail, succeedAlone, succeedWithin } from '../../../src/tasks/life/end.ts';
import { retryTask } from '../../../src/tasks/life/retry.ts';
import { claimTasks } from '../../../src/tasks/queue/claim.ts';
import { giveUp } from '../../../src/tasks/workers/workers.ts';
import { failure, handBack, success } from '../../support/ends.ts';
import { openTransaction } from '../../support/locks.ts';
import { submit } from '../../support/service.ts';
import {
  ageTasks,
  changeTask,
  rowOf,
  runTask,
  runTasks,
  saveCheckpoint,
  startWorker,
  takeAll,
  useStore,
} from '../../support/tasks.ts';

const store = useStore();

interface TallyRow {
  readonly outcome: string;
  readonly isWhole: boolean;
  readonly durationsMs: number[];
}

async function tally(): Promise<TallyRow[]> {
  return store.db.prisma.taskTally.findMany({
    where: { type: 'noop' },
    select: { outcome: true, isWhole: true, durationsMs: true },
    orderBy: { id: 'asc' },
  });
}

/** The outcomes since the tally had `from` rows, with the number of attempts of each. */
async function told(from = 0): Promise<[string, number][]> {
  return (await tally()).slice(from).map(({ outcome, durationsMs }) => [outcome, durationsMs.length]);
}

describe('a claim', () => {
  it('tells once how many attempts have begun, and how long their tasks had been due', async () => {
    for (let n = 0; n < 3; n += 1) await submit(store, 'noop', n);
    await store.db.pool.query(`UPDATE pgboss.job SET start_after = now() - interval '90 seconds'`);

    await takeAll(store, await startWorker(store));

    const [row, ...others] = await tally();
    expect([row?.outcome, row?.durationsMs.length, others]).toEqual(['started', 3, []]);
    for (const ms of row?.durationsMs ?? []) expect(ms).toBeGreaterThanOrEqual(90_000);
  });

  it('of nothing tells nothing', async () => {
    await claimTasks(store, await startWorker(store), 'noop', 10);

    expect(await tally()).toEqual([]);
  });

  it('counts the wait for another try from the time of the try', async () => {
    const task = await runTask(store);
    await fail(store, [failure(task, { delaySeconds: 3600 })]);
    await store.db.pool.query(`UPDATE pgboss.job SET start_after = now() - interval '5 seconds'`);

    await takeAll(store, task.workerId);

    const [ms = 0] = (await tally()).at(-1)?.durationsMs ?? [];
    expect(ms).toBeGreaterThanOrEqual(5_000);
    expect(ms).toBeLessThan(3_600_000);
  });
});

describe('an end', () => {
  it('tells what became of each attempt, one row for each outcome', async () => {
    const tasks = await runTasks(store, 7, { maxAttempts: 2 });
    const [done, alsoDone, retried, exhausted, cancelled, permanent, handedBack] = tasks;
    await changeTask(store, exhausted.taskId, { failures: 1 });
    await cancelTask(store, cancelled.taskId);

    await succeedAlone(store, [success(done), success(alsoDone)]);
    await fail(store, [
      failure(retried),
      failure(exhausted),
      failure(cancelled),
      failure(permanent, { outcome: 'permanent' }),
      handBack(handedBack),
    ]);

    const [started, succeeded, ...left] = await told();
    expect([started, succeeded]).toEqual([
      ['started', 7],
      ['succeeded', 2],
    ]);
    expect(left.sort()).toEqual([
      ['cancelled', 1],
      ['failed', 2],
      ['handed_back', 1],
      ['retrying', 1],
    ]);
  });

  it('tells how long the attempt ran', async () => {
    const task = await runTask(store);
    await store.db.pool.query(`UPDATE task_state SET started_at = now() - interval '7 minutes'`);

    await succeedAlone(store, [success(task)]);

    const { startedAt, finishedAt } = await rowOf(store, task.taskId);
    const exactMs = Number(finishedAt) - Number(startedAt);
    const [ms = 0] = (await tally()).at(-1)?.durationsMs ?? [];
    expect(Math.abs(ms - exactMs)).toBeLessThanOrEqual(1);
  });

  it('of lost attempts tells whether their tasks were queued again', async () => {
    const [lost, exhausted] = await runTasks(store, 2, { maxAttempts: 3 });
    await changeTask(store, exhausted.taskId, { failures: 2, losses: 20 });

    await giveUp(store, lost.workerId, 'exited', 'killed by SIGKILL');

    expect((await told(1)).sort()).toEqual([
      ['failed', 1],
      ['worker_lost', 1],
    ]);
  });

  it('that another process has written before tells nothing', async () => {
    const task = await runTask(store);
    await succeedAlone(store, [success(task)]);

    await succeedAlone(store, [success(task)]);
    await fail(store, [failure(task)]);

    expect(await told()).toEqual([
      ['started', 1],
      ['succeeded', 1],
    ]);
  });

  it('in a transaction of its job is told if that commits', async () => {
    const [kept, undone] = await runTasks(store, 2);
    await using job = await openTransaction(store);
    const run = async (text: string, values: unknown[]) => (await job.query(text, values)).rows;

    await succeedWithin(store, success(kept), run);
    await job.query('COMMIT');
    await job.query('BEGIN');
    await succeedWithin(store, success(undone), run);
    await job.query('ROLLBACK');

    expect(await told(1)).toEqual([['succeeded', 1]]);
  });
});

describe('a success', () => {
  const isWhole = async () => (await tally()).at(-1)?.isWhole;

  it('of the first attempt is the whole work, also with checkpoints', async () => {
    const task = await runTask(store);
    await saveCheckpoint(store, task, 1);

    await succeedAlone(store, [success(task)]);

    expect(await isWhole()).toBe(true);
  });

  it.each([true, false])(
    'of a later attempt is the whole work where none had written a checkpoint: %s',
    async (whole) => {
      const first = await runTask(store);
      if (!whole) await saveCheckpoint(store, first, 1);
      await fail(store, [failure(first)]);
      await takeAll(store, first.workerId);

      await succeedAlone(store, [success({ ...first, attempt: 2 })]);

      expect(await isWhole()).toBe(whole);
    },
  );
});

describe('a cancel', () => {
  it('of a queued task is told as such, with its wait', async () => {
    const { id } = await submit(store, 'noop', null);
    await ageTasks(store, 60);

    await cancelTask(store, id);
    await cancelTask(store, id);

    const [row, ...others] = await tally();
    expect([row?.outcome, row?.durationsMs.length, others]).toEqual(['withdrawn', 1, []]);
    expect(row?.durationsMs[0]).toBeGreaterThanOrEqual(60_000);
  });

  it('of a running task tells nothing, nor does a retry', async () => {
    const task = await runTask(store);

    await cancelTask(store, task.taskId);
    expect(await told()).toEqual([['started', 1]]);
    await fail(store, [failure(task)]);
    await retryTask(store, task.taskId, 'start');

    expect(await told(1)).toEqual([['cancelled', 1]]);
  });
});
