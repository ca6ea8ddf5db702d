/** GET /metrics of a process of its own, and of one whose database hangs. */
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { startApi } from '../support/api.ts';
import { startMutePostgres } from '../support/fake-postgres.ts';
import { metricsOf } from '../support/metrics.ts';
import { startHeadway } from '../support/process.ts';

test('a worker process has metrics, too, also those of its runners', async () => {
  await using api = await startApi();
  const worker = await startHeadway({ DATABASE_URL: api.store.db.url, HEADWAY_ROLE: 'worker' });
  try {
    const metrics = await metricsOf(worker.url);

    expect(metrics.get('headway_runners{kind="shared"}')).toBe(1);
    expect(metrics.get('headway_running_attempts{kind="shared"}')).toBe(0);
    expect(metrics.get('headway_runner_ends_total{kind="died"}')).toBe(0);
    expect(metrics.has('headway_watchers')).toBe(false);
  } finally {
    worker.signal('SIGKILL');
    await worker.exited;
  }
});

test('the metrics of a process say that the database does not answer', async () => {
  await using postgres = await startMutePostgres();
  const db = openDatabase(postgres.url, { name: 'away' });
  await using api = await startApi({ changeStore: (store) => ({ ...store, db }) });

  const metrics = await metricsOf(api.url);

  expect(metrics.get('headway_database_up')).toBe(0);
  expect(metrics.get('headway_watchers')).toBe(0);
});
