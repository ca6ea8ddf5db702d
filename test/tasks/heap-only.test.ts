import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedPostgres } from '../../src/database/embedded/postgres.ts';
import { migrate } from '../../src/database/migrations/migrate.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { flushProgress } from '../../src/tasks/progress/flush.ts';
import { makeDataDir, startHere } from '../support/embedded.ts';
import { openStore } from '../support/service.ts';
import { rowOf, runTasks } from '../support/tasks.ts';

/**
 * On a server of its own: a transaction that writes and stays open keeps PostgreSQL from reclaiming dead
 * rows also in the server's other databases, so the other test files would be in the way.
 */
describe('progress', () => {
  let dataDir: Awaited<ReturnType<typeof makeDataDir>>;
  let postgres: EmbeddedPostgres;
  let store: Awaited<ReturnType<typeof openStore>>;

  beforeAll(async () => {
    dataDir = await makeDataDir();
    postgres = await startHere(dataDir.path);
    await migrate(postgres.url);
    store = await openStore(postgres.url);
  });

  afterAll(async () => {
    await store.close();
    await postgres.stop();
    await dataDir[Symbol.asyncDispose]();
  });

  it('leaves at least 95 in 100 updates heap-only: 200 flushes of 20 tasks', async () => {
    const tasks = await runTasks(store, 20);
    const before = await updates();

    for (let done = 1; done <= 200; done += 1) {
      const report = {
        ...emptyReport,
        done,
        total: 1000,
        percentDone: done / 10,
        unit: 'rows',
        ratePerSecond: done,
        etaSeconds: 1000 - done,
        progressedMsAgo: 0,
        message: `Row ${done} of an import with a message of an ordinary length`,
      };
      await flushProgress(
        store,
        tasks[0]?.workerId ?? '',
        tasks.map(({ taskId, attempt }) => ({ taskId, attempt, report })),
      );
    }

    const after = await updates();
    expect(after.all - before.all).toBe(4000);
    expect((after.hot - before.hot) / (after.all - before.all)).toBeGreaterThanOrEqual(0.95);
    expect(await rowOf(store, tasks[19]?.taskId ?? '')).toMatchObject({ done: 200, version: 202 });
  });

  /** Updates of `task_state` so far. */
  async function updates(): Promise<{ all: number; hot: number }> {
    // The flushes ran on connections of the pool: each publishes its own counts.
    const clients = await Promise.all(Array.from({ length: 3 }, () => store.db.pool.connect()));
    for (const client of clients) {
      await client.query('SELECT pg_stat_force_next_flush()');
      await client.query('SELECT 1');
    }
    for (const client of clients) client.release();
    const { rows } = await store.db.pool.query<{ all: number; hot: number }>(
      `SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'task_state'`,
    );
    if (!rows[0]) throw new Error('no statistics');
    return rows[0];
  }
});
