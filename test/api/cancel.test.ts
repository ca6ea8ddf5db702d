/** POST /tasks/:id/cancel */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postJson, problemOf, startApi, type TestApi, taskOf } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

async function newTask(): Promise<{ id: string; url: string }> {
  const { id } = await taskOf(await postJson(`${api.url}/tasks`, { type: 'noop' }));
  return { id, url: `${api.url}/tasks/${id}/cancel` };
}

/** Sets the task's status as a runner would. */
async function putInto(id: string, status: 'running' | 'succeeded'): Promise<void> {
  const finished = status === 'succeeded' ? { percentDone: 100, finishedAt: new Date() } : {};
  await api.store.db.prisma.taskState.update({
    where: { id },
    data: { status, attempt: 1, entryId: null, ...finished },
  });
}

const post = (url: string, init: RequestInit = {}) =>
  fetch(url, { method: 'POST', redirect: 'manual', ...init });

test('a queued task is cancelled at once, and asking again changes nothing', async () => {
  const { url } = await newTask();

  const first = await post(url);
  const second = await post(url);

  expect([first.status, second.status]).toEqual([200, 200]);
  expect(await taskOf(first)).toMatchObject({ status: 'cancelled' });
  expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
});

test('a running task is asked to stop', async () => {
  const { id, url } = await newTask();
  await putInto(id, 'running');

  const first = await post(url);
  const second = await post(url);

  expect([first.status, second.status]).toEqual([202, 202]);
  expect(await taskOf(first)).toMatchObject({ status: 'running', cancelRequested: true });
  expect(first.headers.get('retry-after')).toBe('1');
});

test('it is too late for a finished task', async () => {
  const { id, url } = await newTask();
  await putInto(id, 'succeeded');

  const response = await post(url);

  expect(response.status).toBe(409);
  expect(await problemOf(response)).toMatchObject({
    type: '/problems/already-finished',
    existingTask: `/tasks/${id}`,
  });
});

test('a form leads back to the task, whether it could be cancelled or not', async () => {
  const { id, url } = await newTask();
  const form = () =>
    post(url, { headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' } });

  const responses = [await form(), await form()];

  expect(responses.map((response) => response.status)).toEqual([303, 303]);
  expect(responses[0]?.headers.get('location')).toBe(`/tasks/${id}`);
});

test('an id that no task has, or that is no id, is refused', async () => {
  const unknown = await post(`${api.url}/tasks/01a20ada-0000-7000-8000-000000000000/cancel`);
  const noId = await post(`${api.url}/tasks/abc/cancel`);

  expect([unknown.status, noId.status]).toEqual([404, 400]);
});

test('unknown fields are refused', async () => {
  const { url } = await newTask();

  const json = await postJson(url, { force: true });
  const form = await post(url, { body: new URLSearchParams({ force: '1' }) });
  const text = await post(url, { body: 'now' });

  expect([json.status, form.status, text.status]).toEqual([400, 400, 415]);
  expect((await problemOf(json)).errors).toMatchObject([{ path: 'force' }]);
});

test('an empty JSON body counts as no body', async () => {
  const { url } = await newTask();

  const response = await postJson(url, '');

  expect(response.status).toBe(200);
});

test('GET changes nothing', async () => {
  const { url } = await newTask();

  const response = await fetch(url);

  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toContain('POST');
});
