/**
 * The state machine against a model of it that is small enough to be right by inspection: whatever happens to
 * a few tasks and workers, in whatever order, each row is as the model says, and the invariants hold.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/cancel.ts';
import { claimTasks } from '../../src/tasks/claim.ts';
import { fail, succeedAlone } from '../../src/tasks/end.ts';
import { flushProgress } from '../../src/tasks/progress/flush.ts';
import type { FetchedEntry } from '../../src/tasks/queue.ts';
import { repairEntries } from '../../src/tasks/reaper/entries.ts';
import { isTerminal, mayMove, type TaskStatus } from '../../src/tasks/state-machine.ts';
import { giveUp } from '../../src/tasks/workers.ts';
import { violations } from '../support/invariants.ts';
import { submit } from '../support/service.ts';
import { emptyReport, rowOf, startWorker, useStore } from '../support/tasks.ts';

const store = useStore();
const workerCount = 3;

interface ModelTask {
  readonly maxAttempts: number;
  status: TaskStatus;
  attempt: number;
  failures: number;
  losses: number;
  cancelRequested: boolean;
  /** Place of the worker. */
  worker: number | null;
  done: number | null;
  /** Numbers its queue entries; the last is the one that counts while it is queued. */
  entry: number;
  /** Where its last entry is. `gone`: settled although the task still waits for it. */
  entryIs: 'due' | 'delayed' | 'fetched' | 'gone';
}

interface Model {
  readonly tasks: ModelTask[];
  /** Entries that were fetched and not yet claimed. */
  fetched: { task: number; entry: number }[];
  readonly lostWorkers: Set<number>;
}

interface Real {
  readonly taskIds: string[];
  readonly versions: number[];
  fetched: FetchedEntry[];
  readonly workerIds: string[];
}

type Command = fc.AsyncCommand<Model, Real>;

/** What the design says of an attempt that leaves `running` in any way but success. */
function leave(task: ModelTask, how: { counts: boolean; final: boolean; loss: boolean; delayed: boolean }) {
  if (how.counts && !task.cancelRequested) task.failures += 1;
  task.losses = how.loss ? task.losses + 1 : 0;
  task.worker = null;
  const maysTryAgain = !how.counts || (!how.final && task.failures < task.maxAttempts);
  if (task.cancelRequested) task.status = 'cancelled';
  else if (maysTryAgain) {
    task.status = 'queued';
    task.entry += 1;
    task.entryIs = how.delayed ? 'delayed' : 'due';
  } else task.status = 'failed';
}

const ofTask = (model: Model, task: number) => model.tasks[task % model.tasks.length] as ModelTask;
const idOf = (real: Real, model: Model, task: number) => real.taskIds[task % model.tasks.length] as string;
const runsNow = (task: ModelTask, attempt: number) => task.status === 'running' && task.attempt === attempt;

/** Compares each row with the model, and with what it was before. */
async function compare(model: Model, real: Real, before: readonly ModelTask[]): Promise<void> {
  for (const [place, task] of model.tasks.entries()) {
    const row = await rowOf(store, real.taskIds[place] ?? '');
    expect({
      status: row.status,
      attempt: row.attempt,
      failures: row.failures,
      losses: row.losses,
      cancelRequested: row.cancelRequestedAt !== null,
      worker: row.workerId,
      done: row.done,
    }).toEqual({
      status: task.status,
      attempt: task.attempt,
      failures: task.failures,
      losses: task.losses,
      cancelRequested: task.cancelRequested,
      worker: task.worker === null ? null : real.workerIds[task.worker],
      done: task.done,
    });
    const old = before[place];
    expect(old === undefined || old.status === task.status || mayMove(old.status, task.status)).toBe(true);
    const hasChanged = old !== undefined && (old.status !== task.status || old.done !== task.done);
    expect(row.version).toBeGreaterThanOrEqual((real.versions[place] ?? 0) + (hasChanged ? 1 : 0));
    real.versions[place] = row.version;
  }
}

/** A command that is compared with the model afterwards. */
function command(
  name: string,
  run: (model: Model, real: Real) => Promise<void>,
  check: (model: Readonly<Model>) => boolean = (model) => model.tasks.length > 0,
): Command {
  return {
    toString: () => name,
    check,
    async run(model, real) {
      const before = structuredClone(model.tasks);
      await run(model, real);
      await compare(model, real, before);
    },
  };
}

const task = fc.nat(5);
const worker = fc.nat(workerCount - 1);
/** Mostly the attempt that runs, sometimes the one before. */
const lag = fc.constantFrom(0, 0, 0, 0, 1);

async function submitOne(model: Model, real: Real, maxAttempts: number): Promise<void> {
  const row = await submit(store, 'noop', null, { maxAttempts });
  real.taskIds.push(row.id);
  model.tasks.push({
    maxAttempts,
    status: 'queued',
    attempt: 0,
    failures: 0,
    losses: 0,
    cancelRequested: false,
    worker: null,
    done: null,
    entry: 1,
    entryIs: 'due',
  });
}

const submits = fc.integer({ min: 1, max: 3 }).map((maxAttempts) =>
  command(
    `submit(${maxAttempts})`,
    (model, real) => submitOne(model, real, maxAttempts),
    (model) => model.tasks.length < 6,
  ),
);

async function fetchDue(model: Model, real: Real): Promise<void> {
  const entries = await store.queue.fetch('noop', 100);
  const due = [...model.tasks.entries()].filter(
    ([, one]) => one.status === 'queued' && one.entryIs === 'due',
  );
  expect(entries.map((entry) => entry.taskId).sort()).toEqual(
    due.map(([place]) => real.taskIds[place]).sort(),
  );
  real.fetched.push(...entries);
  for (const [place, one] of due) {
    one.entryIs = 'fetched';
    model.fetched.push({ task: place, entry: one.entry });
  }
}

async function claimFetched(model: Model, real: Real, place: number): Promise<void> {
  const claimed = await claimTasks(store, real.workerIds[place] ?? '', 'noop', real.fetched);
  const expected: string[] = [];
  for (const fetched of model.fetched) {
    const one = ofTask(model, fetched.task);
    if (one.status !== 'queued' || one.entry !== fetched.entry) continue;
    if (model.lostWorkers.has(place)) {
      one.entryIs = 'gone';
      continue;
    }
    expected.push(real.taskIds[fetched.task] ?? '');
    Object.assign(one, { status: 'running', attempt: one.attempt + 1, worker: place, done: null });
  }
  expect(claimed.map((attempt) => attempt.taskId).sort()).toEqual(expected.sort());
  model.fetched = [];
  real.fetched = [];
}

const fetches = fc.constant(command('fetch', fetchDue));
const claims = worker.map((place) =>
  command(`claim(worker ${place})`, (model, real) => claimFetched(model, real, place)),
);
const takes = worker.map((place) =>
  command(`take(worker ${place})`, async (model, real) => {
    await fetchDue(model, real);
    await claimFetched(model, real, place);
  }),
);

const diesBeforeClaim = fc.constant(
  command('die between fetch and claim', async (model, real) => {
    for (const fetched of model.fetched) {
      const one = ofTask(model, fetched.task);
      if (one.status === 'queued' && one.entry === fetched.entry) one.entryIs = 'gone';
    }
    model.fetched = [];
    real.fetched = [];
  }),
);

const requeues = fc.constant(
  command('requeue what is stranded', async (model, real) => {
    const { requeued } = await repairEntries(store, 0);
    const stranded = [...model.tasks.entries()].filter(
      ([, one]) => one.status === 'queued' && (one.entryIs === 'gone' || one.entryIs === 'fetched'),
    );
    expect(requeued.sort()).toEqual(stranded.map(([place]) => real.taskIds[place]).sort());
    for (const [, one] of stranded) {
      one.entry += 1;
      one.entryIs = 'due';
    }
  }),
);

const timePasses = fc.constant(
  command('wait for the delayed', async (model) => {
    await store.db.pool.query(
      `UPDATE pgboss.job SET start_after = date_trunc('milliseconds', now()) WHERE start_after > now()`,
    );
    await store.db.pool.query(
      `UPDATE task_state SET next_attempt_at = job.start_after FROM pgboss.job WHERE job.id = entry_id AND next_attempt_at IS NOT NULL`,
    );
    for (const one of model.tasks) if (one.entryIs === 'delayed') one.entryIs = 'due';
  }),
);

const flushes = fc.tuple(task, lag, fc.nat(100)).map(([place, late, done]) =>
  command(`flush(task ${place}, ${late} late)`, async (model, real) => {
    const one = ofTask(model, place);
    const attempt = one.attempt - late;
    const isOwned = runsNow(one, attempt);
    const report = { ...emptyReport, done, percentDone: done / 2 };
    const taskId = idOf(real, model, place);
    const workerId = real.workerIds[one.worker ?? 0] ?? '';

    const answers = await flushProgress(store, workerId, [{ taskId, attempt, report }]);

    expect(answers.find((answer) => answer.taskId === taskId)).toEqual({
      taskId,
      attempt,
      kind: isOwned ? 'owned' : 'not_owned',
      wasWritten: isOwned,
      cancelRequested: one.cancelRequested,
    });
    if (isOwned) one.done = done;
  }),
);

const succeeds = fc.tuple(task, lag).map(([place, late]) =>
  command(`succeed(task ${place}, ${late} late)`, async (model, real) => {
    const one = ofTask(model, place);
    const attempt = one.attempt - late;
    const isOwned = runsNow(one, attempt);
    const taskId = idOf(real, model, place);

    const ended = await succeedAlone(store, [{ taskId, attempt, result: '{}', report: emptyReport }]);

    expect(ended).toHaveLength(isOwned ? 1 : 0);
    if (isOwned) Object.assign(one, { status: 'succeeded', losses: 0, worker: null });
  }),
);

const outcome = fc.constantFrom('failed', 'timed_out', 'permanent', 'handed_back');
const fails = fc.tuple(task, lag, outcome, fc.constantFrom(0, 60)).map(([place, late, how, delaySeconds]) =>
  command(`${how}(task ${place}, ${late} late, ${delaySeconds} s)`, async (model, real) => {
    const one = ofTask(model, place);
    const attempt = one.attempt - late;
    const isOwned = runsNow(one, attempt);
    const error = how === 'handed_back' ? undefined : { code: 'x', message: 'y' };
    const taskId = idOf(real, model, place);

    const left = await fail(store, [
      { taskId, attempt, outcome: how, error, delaySeconds, report: emptyReport },
    ]);

    expect(left).toHaveLength(isOwned ? 1 : 0);
    if (!isOwned) return;
    const counts = how !== 'handed_back';
    leave(one, { counts, final: how === 'permanent', loss: false, delayed: delaySeconds > 0 });
  }),
);

const cancels = task.map((place) =>
  command(`cancel(task ${place})`, async (model, real) => {
    const one = ofTask(model, place);
    const expected = isTerminal(one.status)
      ? one.status === 'cancelled'
        ? 'alreadyCancelled'
        : 'finished'
      : one.status === 'queued'
        ? 'cancelled'
        : 'requested';

    expect((await cancelTask(store, idOf(real, model, place)))?.outcome).toBe(expected);

    if (isTerminal(one.status)) return;
    one.cancelRequested = true;
    if (one.status === 'queued') one.status = 'cancelled';
  }),
);

const reason = fc.constantFrom('exited', 'lease_lapsed', 'handed_back');
const giveUps = fc.tuple(worker, reason).map(([place, why]) =>
  command(`giveUp(worker ${place}, ${why})`, async (model, real) => {
    const running = model.tasks.filter((one) => one.status === 'running' && one.worker === place);

    const moved = await giveUp(store, real.workerIds[place] ?? '', why, '');

    expect(moved).toHaveLength(running.length);
    model.lostWorkers.add(place);
    const isBlameless = why === 'handed_back';
    const counts = !isBlameless && running.length === 1;
    for (const one of running) leave(one, { counts, final: false, loss: !isBlameless, delayed: counts });
  }),
);

const hires = worker.map((place) =>
  command(
    `replace(worker ${place})`,
    async (model, real) => {
      real.workerIds[place] = await startWorker(store);
      model.lostWorkers.delete(place);
    },
    (model) => model.lostWorkers.has(place),
  ),
);

describe('whatever happens to tasks and workers', () => {
  it('each row is as the model says, and the invariants hold', async () => {
    const commands = fc.commands(
      // What keeps things going comes up more often, so that tasks come to run and to be tried again.
      [
        submits,
        ...[takes, takes, takes, takes, takes],
        ...[fetches, fetches],
        ...[claims, claims],
        ...[flushes, flushes],
        succeeds,
        ...[fails, fails, fails],
        cancels,
        ...[giveUps, giveUps],
        ...[hires, hires],
        ...[timePasses, timePasses],
        ...[requeues, requeues],
        diesBeforeClaim,
      ],
      { maxCommands: 100, size: 'max' },
    );

    await fc.assert(
      fc.asyncProperty(commands, async (script) => {
        await store.db.pool.query('TRUNCATE task_state, task_event, worker');
        await store.db.pool.query('DELETE FROM pgboss.job');
        const workerIds = await Promise.all(Array.from({ length: workerCount }, () => startWorker(store)));
        const model: Model = { tasks: [], fetched: [], lostWorkers: new Set() };
        const real: Real = { taskIds: [], versions: [], fetched: [], workerIds };
        for (const maxAttempts of [1, 2, 3]) await submitOne(model, real, maxAttempts);

        await fc.asyncModelRun(() => ({ model, real }), script);

        await repairEntries(store, 0);
        expect(await violations(store)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});
