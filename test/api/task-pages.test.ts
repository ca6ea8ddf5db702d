/** The cost of pages: one rendering for all requests for a version within a second, and a limited size. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { startClock } from '../support/clock.ts';
import { insertTasks, newTask, succeed } from '../support/polls.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const headers = { accept: 'text/html' };
const page = (id: string) => fetch(`${api.url}/tasks/${id}`, { headers });
/** Counts renderings: each asks once for what the page shows beyond the row. */
const countRenderings = () => vi.spyOn(api.reading.pageDetails, 'waiting');

test('a page of one version is rendered once for many requests, and again after a second', async () => {
  const id = await newTask(api);
  using clock = startClock();
  using renderings = countRenderings();

  const first = await Promise.all(Array.from({ length: 50 }, async () => (await page(id)).text()));

  expect(new Set(first).size).toBe(1);
  expect(first[0]).toContain('in the queue');
  expect(renderings).toHaveBeenCalledTimes(1);
  clock.pass(1_000);
  await page(id);
  expect(renderings).toHaveBeenCalledTimes(2);
});

test('a newer version has a page of its own at once', async () => {
  const id = await newTask(api);
  expect(await (await page(id)).text()).not.toContain('The task was cancelled');

  await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });

  expect(await (await page(id)).text()).toContain('The task was cancelled');
});

test('too many pages at once are refused with a time to come back, and served then', async () => {
  const ids = await Promise.all(Array.from({ length: 150 }, () => newTask(api)));
  const gate = Promise.withResolvers<void>();
  using held = countRenderings().mockImplementation(async () => {
    await gate.promise;
    return { place: null, worker: null };
  });

  const pages = ids.map((id) => page(id));
  const refused = await Promise.any(
    pages.map(async (response) => {
      const answer = await response;
      return answer.status === 503 ? answer : Promise.reject(new Error('served'));
    }),
  );

  expect(refused.headers.get('retry-after')).toBe('5');
  // Beside the pages that are being made.
  expect(held).toHaveBeenCalledTimes(2);
  gate.resolve();
  const statuses = (await Promise.all(pages)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(102);
  expect(statuses.filter((status) => status === 503)).toHaveLength(48);
});

test('a page of a large result shows a part of it, and says how much it leaves out', async () => {
  const id = await newTask(api);
  await succeed(api.store, id);
  await api.store.db.pool.query(
    `UPDATE task_state
     SET result = (SELECT jsonb_object_agg('field ' || number, repeat('x', 30)) FROM generate_series(1, 10000) AS number)
     WHERE id = $1`,
    [id],
  );

  const html = await (await page(id)).text();

  expect(html.length).toBeLessThan(50_000);
  expect(html).toContain('9,900 more fields in the JSON of this task');
});

test('the page of a group is rendered once for as long as nothing changes in it', async () => {
  await insertTasks(api.store, 'looked-at', 1_000);
  const look = () => fetch(`${api.url}/groups/looked-at`, { headers });
  await (await look()).text();
  using parsed = vi.spyOn(JSON, 'parse');

  await (await look()).text();

  expect(parsed.mock.calls.length).toBeLessThan(100);
});
