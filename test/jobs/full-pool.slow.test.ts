/**
 * Transactions of jobs share few connections, so a job that never ends a transaction must lose its
 * connection.
 */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DatabaseTrouble } from '../../src/jobs/attempt/database-trouble.ts';
import { defineJob } from '../../src/jobs/define-job.ts';
import { Runner } from '../../src/jobs/runner/runner.ts';
import { giveUp } from '../../src/tasks/workers/workers.ts';
import { eventually } from '../support/eventually.ts';
import { openStore, submit, type Task, waitFor } from '../support/service.ts';
import { isFinished } from '../support/task-states.ts';
import { startWorker, useStore } from '../support/tasks.ts';

/** The number of connections of Prisma's pool. */
const connections = 4;
const never = new Promise<void>(() => undefined);

const store = useStore();
let runnerStore: Awaited<ReturnType<typeof openStore>>;
let runners: Runner[] = [];

/**
 * A runner in this process with its own connections. Its job `waits` begins a transaction and never ends it;
 * its job `noop` writes a checkpoint when the test allows it.
 */
async function startRunner(timeoutSeconds: number, mayWrite = never): Promise<string> {
  const any = { input: z.unknown(), result: z.unknown() };
  const jobs = {
    waits: defineJob({
      ...any,
      type: 'waits',
      timeoutSeconds,
      run: (_input, task) => task.checkpoint({ step: 1 }, () => never),
    }),
    noop: defineJob({
      ...any,
      type: 'noop',
      run: async (_input, task) => {
        await mayWrite;
        await task.checkpoint({ step: 1 });
        return 'written';
      },
    }),
  };
  const workerId = await startWorker(store);
  const runner = new Runner({
    store: runnerStore,
    registry: { get: (type) => jobs[type as keyof typeof jobs], types: Object.keys(jobs) },
    workerId,
    kind: 'shared',
    slots: connections + 1,
    leaseSeconds: 1.5,
    databaseTrouble: new DatabaseTrouble(),
    log: pino({ level: 'silent' }),
    onChange: () => undefined,
  });
  runner.start();
  runners.push(runner);
  return workerId;
}

/** How many transactions of jobs are open. */
async function openTransactions(): Promise<number> {
  const { rows } = await store.db.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'idle in transaction'`,
  );
  return rows[0]?.count ?? 0;
}

describe('when the writes of checkpoints never settle', () => {
  beforeEach(async () => {
    runnerStore = await openStore(store.url);
  });

  afterEach(async () => {
    await Promise.all(runners.map((runner) => runner.stop(0)));
    runners = [];
    await runnerStore.close();
  });

  async function fillPool(): Promise<Task[]> {
    const tasks = await Promise.all(
      Array.from({ length: connections }, () => submit(store, 'waits', null, { maxAttempts: 1 })),
    );
    await eventually(async () => (await openTransactions()) === connections);
    return tasks;
  }

  it('and their attempts are overdue, the checkpoints of other jobs go on', async () => {
    const { promise: mayWrite, resolve: letWrite } = Promise.withResolvers<void>();
    await startRunner(0.1, mayWrite);
    const { id } = await submit(store, 'noop', null);
    await waitFor(store, id, (task) => task.status === 'running');
    const overdue = await fillPool();

    letWrite();

    expect(await waitFor(store, id, isFinished)).toMatchObject({ status: 'succeeded' });
    for (const task of overdue) {
      expect(await waitFor(store, task.id, isFinished)).toMatchObject({ error: { code: 'timeout' } });
    }
  });

  it('and their tasks are taken from them, their connections become free', async () => {
    const workerId = await startRunner(60);
    await fillPool();

    await giveUp(store, workerId, 'lease_lapsed', '');

    await eventually(() => runnerStore.db.prisma.$queryRaw`SELECT 1`);
  });
});
