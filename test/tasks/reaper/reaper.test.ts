import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { readHistory } from '../../../src/tasks/queries/read.ts';
import { Reaper } from '../../../src/tasks/reaper/reaper.ts';
import { eventually } from '../../support/eventually.ts';
import { violations } from '../../support/invariants.ts';
import { freshTime, lapse, markLost, renewLease } from '../../support/leases.ts';
import { deleteEntries, deleteQueue } from '../../support/queue-entries.ts';
import { submit } from '../../support/service.ts';
import {
  ageTasks,
  changeTask,
  kindsOf,
  rowOf,
  runTask,
  runTasks,
  startWorker,
  takeByNewWorker,
  useStore,
} from '../../support/tasks.ts';

const store = useStore();
const logged: Record<string, unknown>[] = [];
const log = pino({}, { write: (line: string) => logged.push(JSON.parse(line)) });
/** Two thirds of a second of contact are needed for this lease. */
const leaseSeconds = 1.5;

let reaper: Reaper;
beforeEach(() => {
  logged.length = 0;
  reaper = new Reaper({ store, leaseSeconds, log });
});
afterEach(() => reaper.stop());

const takeFromTheDead = async () => reaper.takeFromTheDead(await freshTime(store));
const deleteWorkers = () => store.db.pool.query('DELETE FROM worker');

describe('the reaper', () => {
  it('gives workers up whose lease has lapsed, finishes what another process began, and queues stranded tasks', async () => {
    const lapsed = await runTask(store);
    await lapse(store, lapsed.workerId);
    const begun = await runTask(store);
    await markLost(store, begun.workerId);
    const stranded = await submit(store, 'noop', null);
    await deleteEntries(store);
    await ageTasks(store, 3600);

    reaper.start();

    await eventually(async () => (await kindsOf(store, stranded.id)).includes('requeued'));
    expect(await rowOf(store, lapsed.taskId)).toMatchObject({
      status: 'queued',
      failures: 0,
      error: { code: 'worker_lost' },
    });
    expect(await rowOf(store, begun.taskId)).toMatchObject({ status: 'queued' });
  });

  it('creates a deleted queue again, even where nothing waits in it', async () => {
    await deleteQueue(store);

    await reaper.repairQueue();

    const { id } = await submit(store, 'noop', null);
    expect(await takeByNewWorker(store)).toMatchObject([{ taskId: id }]);
    expect(reaper.repairs.of('queue_created')).toBe(1);
  });

  it('moves a task on whose queue was deleted meanwhile', async () => {
    const task = await runTask(store);
    await deleteQueue(store);
    await lapse(store, task.workerId);

    await takeFromTheDead();

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'queued' });
    expect(await violations(store)).toEqual([]);
  });

  it('moves the tasks of other workers on where those of one cannot be moved', async () => {
    const broken = await runTask(store);
    const sound = await runTask(store);
    await changeTask(store, broken.taskId, { type: 'no such "name"' });
    await lapse(store, broken.workerId);
    await lapse(store, sound.workerId);

    await takeFromTheDead();

    expect(await rowOf(store, sound.taskId)).toMatchObject({ status: 'queued' });
    expect(await rowOf(store, broken.taskId)).toMatchObject({ status: 'running' });
    expect(logged).toContainEqual(expect.objectContaining({ level: 50, worker: broken.workerId }));
  });

  it('counts and logs its repairs, by kind', async () => {
    const [task] = await runTasks(store, 2);
    const { id } = await submit(store, 'noop', null);
    await deleteEntries(store);
    await ageTasks(store, 3600);
    await lapse(store, task.workerId);

    await takeFromTheDead();
    await reaper.repairQueue();

    expect(reaper.repairs.of('worker_lapsed')).toBe(1);
    expect(reaper.repairs.of('task_moved_on')).toBe(2);
    expect(reaper.repairs.of('task_requeued')).toBe(1);
    expect(reaper.repairs.total).toBe(4);
    expect(logged).toMatchObject([
      { repair: 'worker_lapsed', count: 1, ids: [task.workerId] },
      { repair: 'task_moved_on', count: 2 },
      { repair: 'task_requeued', count: 1, ids: [id] },
    ]);
  });
});

describe('a task whose worker has no row any more', () => {
  it('is taken from it and goes on', async () => {
    const task = await runTask(store);
    await deleteWorkers();

    await takeFromTheDead();

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'queued', failures: 0, losses: 1 });
    expect(await readHistory(store, task.taskId)).toMatchObject([
      { kind: 'submitted' },
      { kind: 'started' },
      {
        kind: 'worker_lost',
        detail: {
          message: 'The worker that ran the task was lost (nothing is known of it any more)',
          blame: 'unseen',
        },
      },
    ]);
    expect(reaper.repairs.of('worker_missing')).toBe(1);
    expect(await violations(store)).toEqual([]);
  });

  it('blames nobody where it ran in company', async () => {
    const [one, other] = await runTasks(store, 2);
    await deleteWorkers();

    await takeFromTheDead();

    for (const { taskId } of [one, other]) {
      expect(await rowOf(store, taskId)).toMatchObject({ status: 'queued', failures: 0, losses: 1 });
    }
  });

  it('fails where it has one try, and has lost nine workers before', async () => {
    const task = await runTask(store, { maxAttempts: 1 });
    await changeTask(store, task.taskId, { losses: 9 });
    await deleteWorkers();

    await takeFromTheDead();

    expect(await rowOf(store, task.taskId)).toMatchObject({
      status: 'failed',
      error: { code: 'worker_lost' },
    });
    expect(await violations(store)).toEqual([]);
  });

  it('is cancelled where a cancel was requested', async () => {
    const task = await runTask(store);
    await cancelTask(store, task.taskId);
    await deleteWorkers();

    await takeFromTheDead();

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'cancelled' });
    expect(await violations(store)).toEqual([]);
  });

  it('cannot get its worker back', async () => {
    const task = await runTask(store);
    await deleteWorkers();
    await takeFromTheDead();

    expect(await renewLease(store, task.workerId)).toBe(false);
  });

  it('may name no worker at all', async () => {
    const task = await runTask(store);
    await changeTask(store, task.taskId, { workerId: null });

    await takeFromTheDead();

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'queued' });
    expect(await violations(store)).toEqual([]);
  });

  it('is left alone where its work is done outside Headway', async () => {
    const task = await runTask(store);
    await changeTask(store, task.taskId, {
      workerId: null,
      reportTokenHash: 'x',
      leaseExpiresAt: new Date(Date.now() + 3_600_000),
    });

    await takeFromTheDead();

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'running', workerId: null });
  });
});

describe('the row of a worker that was lost', () => {
  it('is deleted a day later', async () => {
    const [old, recent, living] = [
      await startWorker(store),
      await startWorker(store),
      await startWorker(store),
    ];
    await markLost(store, old, { hoursAgo: 25 });
    await markLost(store, recent, { hoursAgo: 23 });

    await reaper.repairQueue();

    const left = await store.db.prisma.worker.findMany({ select: { id: true } });
    expect(left.map((worker) => worker.id).sort()).toEqual([recent, living].sort());
    expect(reaper.repairs.of('worker_forgotten')).toBe(1);
  });

  it('is kept while one of its tasks is still to be moved on', async () => {
    const task = await runTask(store);
    await markLost(store, task.workerId, { hoursAgo: 25 });

    await reaper.repairQueue();

    expect(await store.db.prisma.worker.count()).toBe(1);
  });
});
