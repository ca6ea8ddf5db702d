/** GET /metrics */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { problemOf, startApi, type TestApi } from '../support/api.ts';
import { EventReader } from '../support/event-reader.ts';
import { startRefusingPostgres } from '../support/fake-postgres.ts';
import { metricsOf } from '../support/metrics.ts';
import { newTask } from '../support/polls.ts';
import { runTask } from '../support/tasks.ts';

const token = 'the-token-of-the-operator';
const apiKey = 'a-key-of-some-length';
const bearer = (value: string) => ({ authorization: `Bearer ${value}` });

describe('the metrics', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  it('are in the format of Prometheus, and not kept by caches', async () => {
    const response = await fetch(`${api.url}/metrics`);

    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toMatch(
      /^# HELP headway_repairs_total .*task_requeued: .*\n# TYPE headway_repairs_total counter\nheadway_repairs_total\{kind="worker_lapsed"\} 0\n/m,
    );
  });

  it('tell of the tasks and of the clients that wait for them', async () => {
    await runTask(api.store);
    const id = await newTask(api);
    await newTask(api);
    await using stream = await EventReader.open(`${api.url}/tasks/${id}/events`);
    await stream.until(({ events }) => events.length === 1);

    const metrics = await metricsOf(api.url);

    expect(metrics.get('headway_database_up')).toBe(1);
    expect(metrics.get('headway_tasks{status="queued"}')).toBe(2);
    expect(metrics.get('headway_tasks{status="running"}')).toBe(1);
    expect(metrics.get('headway_longest_wait_seconds')).toBeGreaterThan(0);
    expect(metrics.get('headway_watchers')).toBe(1);
    expect(metrics.get('headway_followed_tasks')).toBeGreaterThanOrEqual(1);
    expect(metrics.get('headway_reads_total{kind="first"}')).toBeGreaterThanOrEqual(1);
    expect(metrics.get('process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  it('count each repair of the reaper by its kind', async () => {
    await api.store.db.pool.query(`DELETE FROM pgboss.job WHERE state < 'active'`);
    const { rowCount } = await api.store.db.pool.query(
      `UPDATE task_state SET updated_at = now() - interval '1 hour' WHERE status = 'queued'`,
    );
    await api.reaper.repairQueue();

    const metrics = await metricsOf(api.url);

    expect(rowCount).toBeGreaterThan(0);
    expect(metrics.get('headway_repairs_total{kind="task_requeued"}')).toBe(rowCount);
  });
});

test('the metrics of a process say that its database is away, and leave out what only the database knows', async () => {
  await using postgres = await startRefusingPostgres('57P03', 'the database system is starting up');
  const db = openDatabase(postgres.url, { name: 'away' });
  await using api = await startApi({ changeStore: (store) => ({ ...store, db }) });

  const metrics = await metricsOf(api.url);

  expect(metrics.get('headway_database_up')).toBe(0);
  expect([...metrics.keys()].filter((name) => /headway_(tasks|longest)/.test(name))).toEqual([]);
  expect(metrics.get('headway_watchers')).toBe(0);
});

describe('the metrics can be seen', () => {
  test('with the token, if one is set', async () => {
    await using api = await startApi({ config: { adminToken: token, apiKeys: [apiKey] } });
    const statusWith = async (headers?: Record<string, string>) =>
      (await fetch(`${api.url}/metrics`, headers && { headers })).status;

    expect(await statusWith(bearer(token))).toBe(200);
    expect(await statusWith()).toBe(401);
    expect(await statusWith(bearer(apiKey))).toBe(401);
    expect(await statusWith(bearer(`${token}x`))).toBe(401);
  });

  test('by nobody if keys are set but no token', async () => {
    await using api = await startApi({ config: { apiKeys: [apiKey] } });

    const response = await fetch(`${api.url}/metrics`, { headers: bearer(apiKey) });

    expect(response.status).toBe(403);
    expect((await problemOf(response)).detail).toContain('HEADWAY_ADMIN_TOKEN');
  });

  test('by nobody through a proxy if no keys are set', async () => {
    await using api = await startApi();

    const response = await fetch(`${api.url}/metrics`, { headers: { 'x-forwarded-for': '192.0.2.1' } });

    expect(response.status).toBe(403);
  });

  test('by nobody in a worker that other machines reach, if no token is set', async () => {
    await using api = await startApi({ config: { host: '0.0.0.0' } });

    expect((await fetch(`${api.url}/metrics`)).status).toBe(403);
  });
});
