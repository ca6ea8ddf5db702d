/** GET /healthz and /readyz, and every call while the database is away. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { problemOf, startApi, type TestApi } from '../support/api.ts';
import { callsThatAsk, startApiOn } from '../support/away.ts';
import { stopClock } from '../support/clock.ts';
import { startRefusingPostgres } from '../support/fake-postgres.ts';

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

test('probes within a second share one question to the database', async () => {
  await using api = await startApi();
  const asked = vi.spyOn(api.store.db.pool, 'query');
  const questions = () =>
    asked.mock.calls.filter(([query]) => JSON.stringify(query).includes('_prisma')).length;
  using clock = stopClock();

  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(`${api.url}/readyz`)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(questions()).toBe(1);
  clock.pass(1_000);
  await fetch(`${api.url}/readyz`);

  expect(questions()).toBe(2);
});

describe('while the database refuses', () => {
  let api: TestApi;
  let end: () => Promise<void>;
  beforeAll(async () => {
    const postgres = await startRefusingPostgres('57P03', 'the database system is starting up');
    ({ api, end } = await startApiOn(postgres));
  });
  afterAll(() => end());

  test.each(callsThatAsk)('%s says so', async (_call, call) => {
    const response = await call(api.url);

    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('it lives, but is not ready', async () => {
    const [health, ready] = await Promise.all([fetch(`${api.url}/healthz`), fetch(`${api.url}/readyz`)]);

    expect([health.status, ready.status]).toEqual([200, 503]);
  });
});
