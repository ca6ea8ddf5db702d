/** Statements that committed although their answer was lost: one subject, by each kind of write. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DatabaseTrouble } from '../../src/jobs/attempt/database-trouble.ts';
import { EndWriter } from '../../src/jobs/attempt/end-writer.ts';
import { loadRegistry } from '../../src/jobs/registry.ts';
import { queuesFor } from '../../src/jobs/runner/queues.ts';
import { Runner } from '../../src/jobs/runner/runner.ts';
import { submitTask } from '../../src/tasks/life/submit.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import type { Store } from '../../src/tasks/store.ts';
import { contextOf, leaveEffect } from '../support/attempt-context.ts';
import { failure, handBack } from '../support/ends.ts';
import { eventually } from '../support/eventually.ts';
import { FlakyProxy } from '../support/flaky-proxy.ts';
import { untilBlocked } from '../support/locks.ts';
import { liveEntries } from '../support/queue-entries.ts';
import {
  createEffectTable,
  effectsOf,
  jobFolders,
  openStore,
  submit,
  submitRequest,
  waitFor,
} from '../support/service.ts';
import { isFinished } from '../support/task-states.ts';
import {
  kindsOf,
  patient,
  rowOf,
  runTask,
  startWorker,
  takeByNewWorker,
  useStore,
} from '../support/tasks.ts';

const store = useStore();
const log = pino({ level: 'silent' });

describe('a lost answer', () => {
  let proxy: FlakyProxy;
  let shaky: Store & { close(): Promise<void> };

  beforeEach(async () => {
    await store.db.prisma.$executeRaw`DROP TABLE IF EXISTS effect`;
    await createEffectTable(store);
    proxy = await FlakyProxy.start(store.url);
    shaky = await openStore(proxy.url, { settings: patient });
  });
  afterEach(async () => {
    await shaky.close();
    await proxy[Symbol.asyncDispose]();
  });

  const checkpointCommit = { statement: 'COMMIT', after: 'checkpoint_no + 1' };
  const finishCommit = { statement: 'COMMIT', after: "status = 'succeeded'" };

  it('to a checkpoint: it is written once, together with the job’s writes', async () => {
    const task = await runTask(store);
    const context = contextOf(shaky, task);
    const lost = proxy.loseAnswer(checkpointCommit);

    await context.checkpoint({ step: 1 }, leaveEffect(task, 1));
    await lost;
    await context.checkpoint({ step: 2 }, leaveEffect(task, 2));

    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpoint: { step: 2 }, checkpointNo: 2 });
    expect(await effectsOf(store, task.taskId)).toEqual([1, 2]);
  });

  it('to each of ten checkpoints: each checkpoint is written once', async () => {
    const task = await runTask(store);
    const context = contextOf(shaky, task);

    for (let step = 1; step <= 10; step += 1) {
      const lost = proxy.loseAnswer(checkpointCommit);
      await context.checkpoint({ step }, leaveEffect(task, step));
      await lost;
    }

    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpointNo: 10 });
    expect(await effectsOf(store, task.taskId)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('to a checkpoint whose COMMIT never came: the checkpoint is written again, once', async () => {
    const task = await runTask(store);
    const hasty = await openStore(proxy.url, {
      settings: { idle_in_transaction_session_timeout: '500' },
    });
    const held = proxy.holdBack(checkpointCommit);

    const written = contextOf(hasty, task).checkpoint({ step: 1 }, leaveEffect(task, 1));
    await held;
    // The server ends the transaction that nobody commits, by the time limits of its session.
    await written;
    await hasty.close();

    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpointNo: 1 });
    expect(await effectsOf(store, task.taskId)).toEqual([1]);
  });

  it('to a checkpoint whose COMMIT comes while it is written again: the checkpoint counts once', async () => {
    const task = await runTask(store);
    const held = proxy.holdBack(checkpointCommit);

    const written = contextOf(shaky, task).checkpoint({ step: 1 }, leaveEffect(task, 1));
    const { deliver } = await held;
    await untilBlocked(store);
    await deliver();
    await written;

    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpoint: { step: 1 }, checkpointNo: 1 });
    expect(await effectsOf(store, task.taskId)).toEqual([1]);
  });

  it('to a finish: the task has succeeded, and the job’s writes are stored once', async () => {
    const task = await runTask(store);
    const context = contextOf(shaky, task);
    const lost = proxy.loseAnswer(finishCommit);

    expect(await context.finish({ rows: 3 }, leaveEffect(task, 1))).toEqual({ rows: 3 });
    await lost;

    expect(context.hasFinished).toBe(true);
    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'succeeded', result: { rows: 3 } });
    expect(await effectsOf(store, task.taskId)).toEqual([1]);
    expect(await kindsOf(store, task.taskId)).toEqual(['submitted', 'started', 'succeeded']);
  });

  it('to a finish whose COMMIT comes while it is written again: the job is told that it has finished', async () => {
    const task = await runTask(store);
    const context = contextOf(shaky, task);
    const held = proxy.holdBack(finishCommit);

    const finished = context.finish({ rows: 3 }, leaveEffect(task, 1));
    const { deliver } = await held;
    await untilBlocked(store);
    await deliver();

    expect(await finished).toEqual({ rows: 3 });
    expect(context.hasFinished).toBe(true);
    expect(await effectsOf(store, task.taskId)).toEqual([1]);
  });

  it('to a success: the success is written once', async () => {
    const task = await runTask(store);
    const ends = new EndWriter({ store: shaky, databaseTrouble: new DatabaseTrouble(), log });
    const lost = proxy.loseAnswer({ statement: 'succeed' });

    await ends.succeed({ ...task, result: '{"rows": 3}', report: { ...emptyReport, log: ['line'] } });
    await lost;

    const row = await rowOf(store, task.taskId);
    expect(row).toMatchObject({ status: 'succeeded', version: 3 });
    expect(await kindsOf(store, task.taskId)).toEqual(['submitted', 'started', 'log', 'succeeded']);
  });

  it('to a failure: the failure is written once, and leaves one entry', async () => {
    const task = await runTask(store);
    const ends = new EndWriter({ store: shaky, databaseTrouble: new DatabaseTrouble(), log });
    const lost = proxy.loseAnswer({ statement: 'COMMIT', after: 'fail' });

    const report = { ...emptyReport, log: ['line'] };
    await ends.fail(failure(task, { report }));
    await lost;

    const row = await rowOf(store, task.taskId);
    expect(row).toMatchObject({ status: 'queued', failures: 1, version: 3 });
    expect(await liveEntries(store)).toMatchObject([{ id: row.entryId }]);
    expect(await kindsOf(store, task.taskId)).toEqual(['submitted', 'started', 'log', 'retrying']);
  });

  it('to a failure after which the task was claimed again: the new attempt goes on', async () => {
    const task = await runTask(store);
    const ends = new EndWriter({ store: shaky, databaseTrouble: new DatabaseTrouble(), log });
    const lost = proxy.loseAnswer({ statement: 'COMMIT', after: 'fail' });

    const written = ends.fail(handBack(task));
    await lost;
    await takeByNewWorker(store);
    await written;

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'running', attempt: 2, failures: 0 });
    expect(await liveEntries(store)).toEqual([]);
  });

  it('to a submit: a repeated submit with the same key finds the task', async () => {
    const request = submitRequest({ key: 'k' });
    const lost = proxy.loseAnswer({ statement: 'insert-tasks' });

    await expect(submitTask(shaky, request)).rejects.toThrow(/terminated/);
    await lost;
    const { outcome, task } = await submitTask(shaky, request);

    expect(outcome).toBe('existing');
    const { entryId } = await rowOf(store, task.id);
    expect(await liveEntries(store)).toMatchObject([{ id: entryId, taskId: task.id }]);
  });

  it('to everything for a while: a call that was frozen goes on where it was', async () => {
    const task = await runTask(store);
    const context = contextOf(shaky, task);
    await context.checkpoint({ step: 1 }, leaveEffect(task, 1));

    proxy.freeze();
    const written = context.checkpoint({ step: 2 }, leaveEffect(task, 2));
    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpointNo: 1 });
    proxy.thaw();
    await written;

    expect(await effectsOf(store, task.taskId)).toEqual([1, 2]);
  });

  describe('a runner', () => {
    let runner: Runner;
    let workerId: string;
    let queueCount: number;

    beforeEach(async () => {
      workerId = await startWorker(store);
      const registry = await loadRegistry(jobFolders);
      queueCount = queuesFor('shared', registry).length;
      runner = new Runner({
        store: shaky,
        registry,
        workerId,
        kind: 'shared',
        slots: 4,
        leaseSeconds: 15,
        databaseTrouble: new DatabaseTrouble(),
        log,
        onChange: () => undefined,
      });
    });
    afterEach(() => runner.stop(0));

    /**
     * Starts the runner and waits until it has looked into every queue. They are empty: it claims no more
     * until it is told.
     */
    async function startAndWait(): Promise<void> {
      const claims = vi.spyOn(shaky.queue.claimPool, 'query');
      runner.start();
      await eventually(
        () => claims.mock.settledResults.filter(({ type }) => type === 'fulfilled').length === queueCount,
      );
      claims.mockRestore();
    }

    it('whose claim got no answer hands the task back and runs it, without spending a try', async () => {
      await startAndWait();
      const lost = proxy.loseAnswer({ statement: 'claim\0' });
      const { id } = await submit(store, 'noop', null, { maxAttempts: 1 });
      await lost;

      const task = await waitFor(store, id, isFinished);

      expect(task).toMatchObject({ status: 'succeeded', attempt: 2, failures: 0 });
      expect(await kindsOf(store, id)).toEqual([
        'submitted',
        'started',
        'log',
        'handed_back',
        'started',
        'succeeded',
      ]);
    });

    it('finds such a task even where it asks while another claim is under way', async () => {
      await startAndWait();
      const lost = proxy.loseAnswer({ statement: 'claim\0' });
      const { id } = await submit(store, 'noop', null, { maxAttempts: 1 });
      await lost;
      const delayed = proxy.delay({ statement: 'claim\0' });
      await submit(store, 'noop', null);
      const another = await delayed;
      await eventually(() => hasFlushed(store));
      await another.deliver();

      const task = await waitFor(store, id, isFinished);

      expect(task).toMatchObject({ status: 'succeeded', attempt: 2, failures: 0 });
    });

    it('finds such a task even while it claims others all the time', async () => {
      runner.start();
      const enough = new AbortController();
      const submitAlways = async () => {
        while (!enough.signal.aborted) await submit(store, 'noop', null);
      };
      const load = submitAlways();
      onTestFinished(async () => {
        enough.abort();
        await load;
      });
      const lost = proxy.loseAnswer({ statement: 'claim\0' });
      const { id } = await submit(store, 'waits', { ms: 0 }, { maxAttempts: 1 });
      await lost;

      const stranded = await store.db.pool.query<{ id: string }>(
        `SELECT id FROM task_state WHERE status = 'running'`,
      );
      const ids = [id, ...stranded.rows.map((row) => row.id)];
      const tasks = await Promise.all(ids.map((each) => waitFor(store, each, isFinished)));

      expect(tasks.map(({ status, failures }) => ({ status, failures }))).toEqual(
        ids.map(() => ({ status: 'succeeded', failures: 0 })),
      );
    });

    it('whose end got no answer has ended the task once', async () => {
      const lost = proxy.loseAnswer({ statement: 'succeed' });
      runner.start();
      const { id } = await submit(store, 'noop', null);
      await lost;

      const task = await waitFor(store, id, isFinished);

      expect(task).toMatchObject({ status: 'succeeded', attempt: 1, version: 3 });
      expect(await kindsOf(store, id)).toEqual(['submitted', 'started', 'succeeded']);
    });
  });
});

/** Whether a connection's last statement was a flush that has been answered. */
async function hasFlushed({ db }: Store): Promise<boolean> {
  const { rows } = await db.pool.query(
    `SELECT FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'idle' AND query LIKE '%has_changed%'
       AND pid <> pg_backend_pid()`,
  );
  return rows.length > 0;
}
