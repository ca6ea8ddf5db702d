/** GET /healthz and /readyz, and every call while the database is away. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { postCsv, postJson, problemOf, startApi, type TestApi } from '../support/api.ts';
import { startMutePostgres, startRefusingPostgres } from '../support/fake-postgres.ts';

test('a service that can serve says so', async () => {
  await using api = await startApi();

  const [health, ready] = await Promise.all([fetch(`${api.url}/healthz`), fetch(`${api.url}/readyz`)]);

  expect([health.status, ready.status]).toEqual([200, 200]);
  expect(ready.headers.get('cache-control')).toBe('no-store');
});

test('a service that is shutting down lives, but is not ready', async () => {
  await using api = await startApi();
  api.drain.begin();

  const [health, ready] = await Promise.all([fetch(`${api.url}/healthz`), fetch(`${api.url}/readyz`)]);

  expect([health.status, ready.status]).toEqual([200, 503]);
});

test('a service whose database lacks a migration is not ready', async () => {
  await using api = await startApi();
  await api.store.db.pool.query('DELETE FROM _prisma_migrations');

  const response = await fetch(`${api.url}/readyz`);

  expect(response.status).toBe(503);
  expect((await problemOf(response)).detail).toContain('npm run migrate');
});

test('who asks at the same time shares the question', async () => {
  await using api = await startApi();
  let lent = 0;
  api.store.db.pool.on('acquire', () => {
    lent += 1;
  });

  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(`${api.url}/readyz`)));

  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  // Two statements a question, and a question a second.
  expect(lent).toBeLessThanOrEqual(6);
});

describe.each([
  ['says nothing', startMutePostgres, 4_000],
  ['refuses', () => startRefusingPostgres('57P03', 'the database system is starting up'), 0],
])('while the database %s', (_what, startPostgres, leastMs) => {
  let api: TestApi;
  let end: () => Promise<void>;
  beforeAll(async () => {
    const postgres = await startPostgres();
    const db = openDatabase(postgres.url, { name: 'away' });
    api = await startApi({ changeStore: (store) => ({ ...store, db }) });
    end = async () => {
      await api.close();
      await db.close().catch(() => undefined);
      await postgres[Symbol.asyncDispose]();
    };
  });
  afterAll(() => end());

  test.concurrent.each([
    ['reading a task', () => fetch(`${api.url}/tasks/01a20ada-0000-7000-8000-000000000000`)],
    ['submitting', () => postJson(`${api.url}/tasks`, { type: 'noop' })],
    ['sending a file', () => postCsv(`${api.url}/tasks/csv-import`, 'a,b\n1,2\n')],
    [
      'cancelling',
      () => fetch(`${api.url}/tasks/01a20ada-0000-7000-8000-000000000000/cancel`, { method: 'POST' }),
    ],
    ['a dataset', () => fetch(`${api.url}/datasets/01a20ada-0000-7000-8000-000000000000`)],
    ['recent tasks', () => fetch(api.url, { headers: { accept: 'text/html' } })],
  ])('%s says so in time', async (_call, call) => {
    const began = performance.now();
    const response = await call();

    const ms = performance.now() - began;
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(ms).toBeGreaterThanOrEqual(leastMs);
    expect(ms).toBeLessThan(6_000);
  });

  test('it lives, but is not ready', async () => {
    const [health, ready] = await Promise.all([fetch(`${api.url}/healthz`), fetch(`${api.url}/readyz`)]);

    expect([health.status, ready.status]).toEqual([200, 503]);
  });
});
