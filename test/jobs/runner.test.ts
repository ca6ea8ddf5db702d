import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DatabaseTrouble } from '../../src/jobs/attempt/database-trouble.ts';
import { defineJob, type JobDefinition } from '../../src/jobs/define-job.ts';
import { Runner } from '../../src/jobs/runner/runner.ts';
import type { TaskContext } from '../../src/jobs/task-context.ts';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { readHistory } from '../../src/tasks/queries/read.ts';
import { eventually } from '../support/eventually.ts';
import reports from '../support/jobs/reports.job.ts';
import { slowEnds } from '../support/locks.ts';
import { submit, waitFor } from '../support/service.ts';
import { isFinished } from '../support/task-states.ts';
import { claimsRest, kindsOf, startWorker, useStore } from '../support/tasks.ts';

const store = useStore();
let runners: Runner[] = [];

interface Options extends Partial<JobDefinition> {
  /** Default 15. */
  readonly leaseSeconds?: number;
  /** The job of the type `waits`. */
  readonly other?: JobDefinition;
}

/** A runner in this process with this job, under the type `noop`. */
async function startRunner(run: JobDefinition['run'], given: Options = {}): Promise<Runner> {
  const { leaseSeconds = 15, other, ...options } = given;
  const job = defineJob({
    type: 'noop',
    input: z.unknown(),
    result: z.unknown(),
    backoff: { seconds: 0.01, maxSeconds: 0.01 },
    ...options,
    run,
  });
  const started = new Runner({
    store,
    registry: { get: (type) => (type === 'noop' ? job : other), types: other ? ['noop', 'waits'] : ['noop'] },
    workerId: await startWorker(store),
    kind: 'shared',
    slots: 4,
    leaseSeconds,
    databaseTrouble: new DatabaseTrouble(),
    log: pino({ level: 'silent' }),
    onChange: () => undefined,
  });
  started.start();
  runners.push(started);
  return started;
}

const trap = () => {
  throw new Error('gotcha');
};

describe('a runner', () => {
  afterEach(async () => {
    await Promise.all(runners.map((runner) => runner.stop(0)));
    runners = [];
  });

  it('ends a task whose job throws a value that throws when it is read', async () => {
    const hostile = new Proxy({}, { getPrototypeOf: trap, get: trap, has: trap });
    await startRunner(() => {
      throw hostile;
    });

    const { id } = await submit(store, 'noop', null, { maxAttempts: 1 });

    expect(await waitFor(store, id, isFinished)).toMatchObject({
      status: 'failed',
      error: { code: 'job_error' },
    });
  });

  it('ends a task whose job throws a value that can be read only in part', async () => {
    const hostile = new Proxy({}, { getPrototypeOf: trap });
    await startRunner(() => {
      throw hostile;
    });

    const { id } = await submit(store, 'noop', null, { maxAttempts: 1 });

    expect(await waitFor(store, id, isFinished)).toMatchObject({ status: 'failed' });
  });

  it('tells a job of a cancel, and ends the task as cancelled whatever the job throws then', async () => {
    await startRunner(async (_input, task) => {
      await new Promise((resolve) => task.signal.addEventListener('abort', resolve));
      throw new Error('something else');
    });
    const { id } = await submit(store, 'noop', null);
    await waitFor(store, id, (task) => task.status === 'running');

    await cancelTask(store, id);

    expect(await waitFor(store, id, isFinished)).toMatchObject({ status: 'cancelled', failures: 0 });
    expect(await kindsOf(store, id)).toEqual(['submitted', 'started', 'cancel_requested', 'cancelled']);
  });

  it('fails a task for good if its input no longer fits its job', async () => {
    await startRunner(() => null, { input: z.object({ rows: z.int() }) });

    const { id } = await submit(store, 'noop', { rows: 'three' }, { maxAttempts: 5 });

    expect(await waitFor(store, id, isFinished)).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'invalid_input' },
    });
  });

  it('hands back a task that does not stop within the grace period, and the task loses no try', async () => {
    const never = new Promise<null>(() => undefined);
    const running = await startRunner(() => never);
    const { id } = await submit(store, 'noop', null, { maxAttempts: 1 });
    await waitFor(store, id, (task) => task.status === 'running');

    await running.stop(50);

    expect(await waitFor(store, id, (task) => task.status === 'queued')).toMatchObject({ failures: 0 });
    expect((await kindsOf(store, id)).at(-1)).toBe('handed_back');
  });

  it('times out a job that obeys its signal', async () => {
    const heed = (_input: unknown, task: TaskContext) =>
      new Promise((_resolve, reject) =>
        task.signal.addEventListener('abort', () => reject(task.signal.reason)),
      );
    await startRunner(heed, { timeoutSeconds: 0.05 });

    const { id } = await submit(store, 'noop', null, { maxAttempts: 1 });

    expect(await waitFor(store, id, isFinished)).toMatchObject({
      status: 'failed',
      error: { code: 'timeout' },
    });
  });

  it('takes no new task beside a job that ignores its deadline, and ends its attempt while the code goes on', async () => {
    const inputs: unknown[] = [];
    const never = new Promise<null>(() => undefined);
    // A job that should have stopped gets two thirds of the lease before it is overdue.
    const options = { timeoutSeconds: 0.05, concurrency: 1, leaseSeconds: 0.3 };
    await startRunner((input) => {
      inputs.push(input);
      return never;
    }, options);
    const overdue = await submit(store, 'noop', 'overdue', { maxAttempts: 1 });
    await eventually(() => inputs.length === 1);

    const next = await submit(store, 'noop', 'next');
    const ended = await waitFor(store, overdue.id, isFinished);

    expect(ended).toMatchObject({ status: 'failed', error: { code: 'timeout' } });
    await startRunner(() => 'by another');
    expect(await waitFor(store, next.id, isFinished)).toMatchObject({ result: 'by another', attempt: 1 });
    expect(inputs).toEqual(['overdue']);
  });

  it('claims while ends are being written, but only up to a limit while they cannot be written', async () => {
    const running = () => store.db.prisma.taskState.count({ where: { status: 'running' } });
    const succeeded = () => store.db.prisma.taskState.count({ where: { status: 'succeeded' } });
    for (let task = 0; task < 30; task += 1) await submit(store, 'noop', null);
    await using ends = await slowEnds(store);

    await startRunner(() => null);
    await eventually(async () => (await running()) >= 12);
    await eventually(() => claimsRest(store));

    expect(await running()).toBe(12);
    await ends.go();
    await eventually(async () => (await succeeded()) === 30);
  });

  it('runs short tasks while long ones run, as the limit of the long type leaves slots free', async () => {
    const gate = Promise.withResolvers<string>();
    let [runNow, ran] = [0, 0];
    const other = defineJob({
      type: 'waits',
      input: z.unknown(),
      result: z.unknown(),
      concurrency: 2,
      run: async () => {
        runNow += 1;
        ran = Math.max(ran, runNow);
        const result = await gate.promise;
        runNow -= 1;
        return result;
      },
    });
    await startRunner(() => 'short', { other });
    const long = await Promise.all([1, 2, 3].map(() => submit(store, 'waits', null)));
    await eventually(() => runNow === 2);

    const short = await submit(store, 'noop', null);

    expect(await waitFor(store, short.id, isFinished)).toMatchObject({ result: 'short' });
    expect(runNow).toBe(2);
    gate.resolve('long');
    for (const { id } of long) expect(await waitFor(store, id, isFinished)).toMatchObject({ result: 'long' });
    expect(ran).toBe(2);
  });

  it('survives reports that make no sense, and clamps them', async () => {
    const gate = Promise.withResolvers<void>();
    await startRunner(async (_input, task) => {
      const result = await reports.run({ settleMs: 0 }, task);
      await gate.promise;
      return result;
    });

    const { id } = await submit(store, 'noop', null);
    const running = await waitFor(store, id, (task) => task.message !== null);
    gate.resolve();
    const task = await waitFor(store, id, isFinished);

    expect(running).toMatchObject({ percentDone: 99.9, done: 200, total: 100 });
    expect(running.message).toHaveLength(500);
    expect(task.status).toBe('succeeded');
    const lines = (await readHistory(store, id)).filter((entry) => entry.kind === 'log');
    expect(lines).toHaveLength(201);
    expect(lines[0]?.detail).toEqual({ text: 'line 0' });
  });

  it('takes no new task once it stops', async () => {
    const stopped = await startRunner(() => null);
    await stopped.stop(0);

    const { id } = await submit(store, 'noop', null);
    await startRunner(() => ({ by: 'another' }));

    expect(await waitFor(store, id, isFinished)).toMatchObject({ result: { by: 'another' } });
  });

  it('resumes where an earlier attempt left off', async () => {
    await startRunner(async (_input, task) => {
      if (task.resumeFrom !== undefined) return { resumedFrom: task.resumeFrom, attempt: task.attempt };
      await task.checkpoint({ offset: 7 });
      throw new Error('after the checkpoint');
    });

    const { id } = await submit(store, 'noop', null);

    expect(await waitFor(store, id, isFinished)).toMatchObject({
      status: 'succeeded',
      failures: 1,
      result: { resumedFrom: { offset: 7 }, attempt: 2 },
    });
  });

  it('lets a job go on after its finish was refused by its own writes', async () => {
    await startRunner(async (_input, task) => {
      const finished = task.finish('first', async () => Promise.reject(new Error('of the job’s own')));
      await finished.catch(() => undefined);
      task.log('going on');
      return 'second';
    });

    const { id } = await submit(store, 'noop', null);

    expect(await waitFor(store, id, isFinished)).toMatchObject({ status: 'succeeded', result: 'second' });
    expect(await kindsOf(store, id)).toEqual(['submitted', 'started', 'log', 'succeeded']);
  });
});
