/** Events of all tasks, their queue entries and their workers. */
import fc from 'fast-check';
import { pino } from 'pino';
import { expect } from 'vitest';
import { emptyReport } from '../../../src/tasks/model/progress-report.ts';
import { flushProgress } from '../../../src/tasks/progress/flush.ts';
import { readTask } from '../../../src/tasks/queries/read.ts';
import { claimTasks } from '../../../src/tasks/queue/claim.ts';
import { soloQueue } from '../../../src/tasks/queue/names.ts';
import { repairEntries } from '../../../src/tasks/queue/repair.ts';
import { Reaper } from '../../../src/tasks/reaper/reaper.ts';
import { prune } from '../../../src/tasks/upkeep/prune.ts';
import { giveUp } from '../../../src/tasks/workers/workers.ts';
import { freshTime, lapse } from '../leases.ts';
import { deleteEntries } from '../queue-entries.ts';
import { submit } from '../service.ts';
import { saveCheckpoint, startWorker } from '../tasks.ts';
import { lag, place } from './calls.ts';
import { command, idAt, idsOf, maxTasks, move, type Real, type Stores, taskAt } from './command.ts';
import type { Model } from './model.ts';
import * as expected from './model.ts';

export const workerCount = 3;
const queues = ['noop', soloQueue('noop')];
const worker = fc.nat(workerCount - 1);

export async function submitOne(model: Model, real: Real, maxAttempts: number): Promise<void> {
  real.taskIds.push((await submit(real.store, 'noop', null, { maxAttempts })).id);
  expected.submitted(model, maxAttempts);
}

async function claimAll(model: Model, real: Real, at: number): Promise<void> {
  const taskIds: string[] = [];
  for (const queue of queues) {
    const { attempts } = await claimTasks(real.others, real.workerIds[at] ?? '', queue, 100);
    taskIds.push(...attempts.map((attempt) => attempt.taskId));
  }
  expect(taskIds.sort()).toEqual(idsOf(real, expected.claimDue(model, at)));
}

export const submits = fc.integer({ min: 1, max: 3 }).map((maxAttempts) =>
  command(
    `submit (${maxAttempts})`,
    (model, real) => submitOne(model, real, maxAttempts),
    (model) =>
      expected.placesOf(model, (task) => !task.isDeleted).length < maxTasks && model.tasks.length < 50,
  ),
);
export const claims = worker.map((at) =>
  move(`claim (worker ${at})`, (model, real) => claimAll(model, real, at)),
);

export const takesByHand = fc.constant(
  move('take all entries by hand', async (model, { store }) => {
    await store.db.pool.query(
      `UPDATE pgboss.job SET state = 'active', started_on = now() WHERE state < 'active'`,
    );
    expected.deleteEntries(model);
  }),
);

export const deletesEntries = fc.constant(
  move('delete all entries', async (model, { store }) => {
    await deleteEntries(store);
    expected.deleteEntries(model);
  }),
);

export const repairs = fc.constant(
  move('repair the queue', async (model, real) => {
    const { requeued, settled } = await repairEntries(real.others, 0);

    expect(requeued.sort()).toEqual(idsOf(real, expected.requeue(model)));
    expect(settled).toEqual([]);
  }),
);

export const timePasses = fc.constant(
  move('wait for the delayed', async (model, { store }) => {
    await store.db.pool.query(
      `UPDATE task_state SET next_attempt_at = date_trunc('milliseconds', now()) WHERE next_attempt_at > now()`,
    );
    await store.db.pool.query(
      `UPDATE pgboss.job SET start_after = next_attempt_at FROM task_state WHERE job.id = entry_id AND next_attempt_at IS NOT NULL`,
    );
    for (const task of model.tasks) task.isDelayed = false;
  }),
);

/**
 * Postpones delayed tasks in the database: a task that was lost with its worker is due again after a second,
 * and a busy machine may need longer than that for the next command.
 */
async function postponeDelayed(model: Model, { store, taskIds }: Real): Promise<void> {
  const places = expected.placesOf(model, (task) => task.status === 'queued' && task.isDelayed);
  await store.db.pool.query(
    `WITH task AS (
       UPDATE task_state SET next_attempt_at = date_trunc('milliseconds', now()) + interval '1 hour'
       WHERE id = ANY ($1::uuid[]) AND next_attempt_at < now() + interval '10 minutes'
       RETURNING entry_id, next_attempt_at
     )
     UPDATE pgboss.job SET start_after = next_attempt_at FROM task WHERE job.id = entry_id`,
    [places.map((place) => taskIds[place])],
  );
}

export const flushes = fc.tuple(place, lag, fc.nat(100)).map(([at, late, done]) =>
  move(`flush (task ${at}, ${late} late)`, async (model, real) => {
    const task = taskAt(model, at);
    const attempt = task.attempt - late;
    const isOwned = expected.runsAs(task, attempt);
    const report = { ...emptyReport, done, percentDone: done / 2 };
    const taskId = idAt(model, real, at);
    const workerId = real.workerIds[task.worker ?? 0] ?? '';

    const answers = await flushProgress(real.store, workerId, [{ taskId, attempt, report }]);

    const answer = { taskId, attempt, kind: isOwned ? 'owned' : 'not_owned', wasWritten: isOwned };
    expect(answers.find((one) => one.taskId === taskId)).toEqual(
      task.isDeleted ? undefined : { ...answer, cancelRequested: task.cancelRequested },
    );
    if (isOwned) Object.assign(task, { done, percent: Math.max(task.percent, report.percentDone) });
  }),
);

export const checkpoints = fc.tuple(place, lag, fc.nat(100)).map(([at, late, checkpoint]) =>
  move(`checkpoint (task ${at}, ${late} late)`, async (model, real) => {
    const task = taskAt(model, at);
    const attempt = task.attempt - late;
    const taskId = idAt(model, real, at);
    const known = (await readTask(real.store, taskId))?.checkpointNo ?? 0;

    const isWritten = await saveCheckpoint(real.store, { taskId, attempt }, checkpoint, known);

    expect(isWritten).toBe(expected.runsAs(task, attempt));
    if (isWritten) Object.assign(task, { checkpoint, checkpointAttempt: attempt });
  }),
);

const reason = fc.constantFrom<expected.Reason>('exited', 'exited', 'blocked', 'handed_back');
export const giveUps = fc.tuple(worker, reason, fc.nat(2)).map(([at, why, count]) =>
  move(`giveUp (worker ${at}, ${why}, ${count} overdue)`, async (model, real) => {
    const overdue = why === 'blocked' ? expected.runningOf(model, at).slice(0, count) : [];

    const moved = await giveUp(real.store, real.workerIds[at] ?? '', why, '', idsOf(real, overdue));

    expect(moved.map((task) => task.taskId).sort()).toEqual(
      idsOf(real, expected.giveUp(model, at, why, overdue)),
    );
    await postponeDelayed(model, real);
  }),
);

/** Runs the reaper in two processes at once. */
async function reap({ store, others }: Stores): Promise<void> {
  const log = pino({ level: 'silent' });
  await Promise.all(
    [store, others].map(async (on) =>
      new Reaper({ store: on, leaseSeconds: 15, log }).takeFromTheDead(await freshTime(on)),
    ),
  );
}

export const reaps = fc.tuple(worker, fc.constantFrom('lapsed', 'missing')).map(([at, how]) =>
  move(`reap (worker ${at}, ${how})`, async (model, real) => {
    const id = real.workerIds[at] ?? '';
    if (how === 'lapsed') await lapse(real.store, id);
    else await real.store.db.pool.query('DELETE FROM worker WHERE id = $1', [id]);

    await reap(real);

    expected.giveUp(model, at, 'lease_lapsed');
    await postponeDelayed(model, real);
  }),
);

export const hires = worker.map((at) =>
  command(
    `replace (worker ${at})`,
    async (model, real) => {
      real.workerIds[at] = await startWorker(real.store);
      model.lostWorkers.delete(at);
    },
    (model) => model.lostWorkers.has(at),
  ),
);

export const prunes = fc.constant(
  move('prune', async (model, { others }) => {
    const finishedBy = new Date(Date.now() + 3_600_000);

    const deleted = await prune(others.db.pool, {
      finishedBy,
      statuses: ['succeeded', 'failed', 'cancelled'],
    });

    expect(deleted).toBe(expected.prune(model));
  }),
);
