/** GET / and the files of the pages. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postJson, startApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

test('shows people a form and what was submitted lately', async () => {
  await postJson(`${api.url}/tasks`, { type: 'noop', title: 'Something slow' });

  const response = await fetch(api.url, { headers: { accept: 'text/html' } });

  const page = await response.text();
  expect(response.headers.get('cache-control')).toBe('private, no-cache');
  expect(page).toContain('action="/tasks/csv-import"');
  expect(page).toContain('Something slow');
});

test('shows programs the job types and the links', async () => {
  const response = await fetch(api.url);

  expect(await response.json()).toMatchObject({ types: expect.arrayContaining(['csv-import', 'noop']) });
});

test.each([
  ['style.css', 'text/css'],
  ['task.js', 'application/javascript'],
  ['favicon.svg', 'image/svg+xml'],
])('serves %s, which is asked for again and answered with 304', async (name, type) => {
  const first = await fetch(`${api.url}/assets/${name}`);
  const second = await fetch(`${api.url}/assets/${name}`, {
    // Without this, Node's fetch would send "no-cache", which browsers do only for a forced reload.
    headers: { 'if-none-match': first.headers.get('etag') ?? '', 'cache-control': 'max-age=0' },
  });

  expect(first.headers.get('content-type')).toContain(type);
  expect(first.headers.get('cache-control')).toBe('no-cache');
  expect(first.headers.get('x-content-type-options')).toBe('nosniff');
  expect([first.status, second.status]).toEqual([200, 304]);
});
