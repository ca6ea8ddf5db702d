/** POST /tasks/:id/retry */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import { postJson, problemOf, startApi, type TestApi, taskOf } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

async function newTask(body: object = {}): Promise<{ id: string; url: string }> {
  const { id } = await taskOf(await postJson(`${api.url}/tasks`, { type: 'noop', ...body }));
  return { id, url: `${api.url}/tasks/${id}/retry` };
}

async function cancelledTask(body: object = {}): Promise<{ id: string; url: string }> {
  const task = await newTask(body);
  await cancelTask(api.store, task.id);
  return task;
}

const checkpointOf = async (id: string) =>
  (await api.store.db.prisma.taskState.findUniqueOrThrow({ where: { id } })).checkpoint;

const post = (url: string, init: RequestInit = {}) =>
  fetch(url, { method: 'POST', redirect: 'manual', ...init });

describe('a task that was cancelled or has failed', () => {
  test('is queued again, and says when to ask', async () => {
    const { id, url } = await cancelledTask();
    const before = await fetch(`${api.url}/tasks/${id}`);

    const response = await post(url);

    expect(response.status).toBe(202);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(response.headers.get('etag')).not.toBe(before.headers.get('etag'));
    expect(await taskOf(response)).toMatchObject({
      id,
      status: 'queued',
      error: null,
      cancelRequested: false,
      finishedAt: null,
    });
  });

  test('is shown as queued by the next poll', async () => {
    const { id, url } = await cancelledTask();
    await fetch(`${api.url}/tasks/${id}`);

    const retried = await post(url);
    const polled = await fetch(`${api.url}/tasks/${id}`);

    expect(polled.headers.get('etag')).toBe(retried.headers.get('etag'));
    expect(await taskOf(polled)).toMatchObject({ status: 'queued' });
  });

  test('has a link for the retry as long as it can be retried', async () => {
    const { id, url } = await cancelledTask();
    const links = async () => (await taskOf(await fetch(`${api.url}/tasks/${id}`))).links;

    const before = await links();
    await post(url);

    expect(before).toMatchObject({ retry: `/tasks/${id}/retry` });
    expect(await links()).not.toHaveProperty('retry');
  });

  test.each([
    [{}, { offset: 7 }],
    [{ from: 'checkpoint' }, { offset: 7 }],
    [{ from: 'start' }, null],
  ])('goes on from where it is asked to: %j', async (body, checkpoint) => {
    const { id, url } = await cancelledTask();
    await api.store.db.prisma.taskState.update({ where: { id }, data: { checkpoint: { offset: 7 } } });

    const response = await postJson(url, body);

    expect(response.status).toBe(202);
    expect(await checkpointOf(id)).toEqual(checkpoint);
  });

  test('is retried by the form on its page, which leads back to it', async () => {
    const { id, url } = await cancelledTask();
    await api.store.db.prisma.taskState.update({ where: { id }, data: { checkpoint: { offset: 7 } } });
    const page = await (await fetch(`${api.url}/tasks/${id}`, { headers: { accept: 'text/html' } })).text();
    const form = () =>
      post(url, { headers: { accept: 'text/html' }, body: new URLSearchParams({ from: 'start' }) });

    const responses = [await form(), await form()];

    expect(page).toContain(`<form method="post" action="/tasks/${id}/retry">`);
    expect(responses.map((response) => response.status)).toEqual([303, 303]);
    expect(responses[0]?.headers.get('location')).toBe(`/tasks/${id}`);
    expect(await checkpointOf(id)).toBeNull();
    const after = await (await fetch(`${api.url}/tasks/${id}`, { headers: { accept: 'text/html' } })).text();
    expect(after).toContain('Retried by a person, from the start');
    expect(after).not.toContain(`/tasks/${id}/retry`);
  });
});

describe('a retry is refused', () => {
  test.each([
    ['queued', 'The task is not finished yet: it is queued.'],
    ['succeeded', 'The task has succeeded: submit a new one to do the work again.'],
  ])('for a task that is %s', async (status, detail) => {
    const { id, url } = await newTask();
    if (status === 'succeeded') {
      await api.store.db.prisma.taskState.update({
        where: { id },
        data: { status, entryId: null, percentDone: 100, finishedAt: new Date() },
      });
    }

    const response = await post(url);

    expect(response.status).toBe(409);
    expect(await problemOf(response)).toMatchObject({
      type: '/problems/cannot-retry',
      detail,
      existingTask: `/tasks/${id}`,
    });
  });

  test('for a task whose work is done outside', async () => {
    const { id, url } = await cancelledTask();
    await api.store.db.prisma.taskState.update({ where: { id }, data: { reportTokenHash: 'x' } });

    const response = await post(url);

    expect(response.status).toBe(409);
    expect((await problemOf(response)).detail).toContain('outside');
  });

  test('for a task whose key a newer task has taken, with a link to the newer one', async () => {
    const key = newId();
    const { url } = await cancelledTask({ key });
    const newer = await newTask({ key, onConflict: 'replaceFinished' });

    const response = await post(url);

    expect(response.status).toBe(409);
    expect(await problemOf(response)).toMatchObject({ existingTask: `/tasks/${newer.id}` });
  });

  test('for a task whose job no longer exists', async () => {
    const { id, url } = await cancelledTask();
    await api.store.db.prisma.taskState.update({ where: { id }, data: { type: 'gone' } });

    const response = await post(url);

    expect(response.status).toBe(409);
    expect((await problemOf(response)).detail).toContain('no job of the type "gone"');
  });

  test('for an id that no task has, or that is no id', async () => {
    const unknown = await post(`${api.url}/tasks/${newId()}/retry`);
    const noId = await post(`${api.url}/tasks/abc/retry`);

    expect([unknown.status, noId.status]).toEqual([404, 400]);
  });

  test('with unknown fields or values', async () => {
    const { url } = await cancelledTask();

    const field = await postJson(url, { force: true });
    const value = await postJson(url, { from: 'the middle' });
    const form = await post(url, { body: new URLSearchParams({ from: 'the middle' }) });

    expect([field.status, value.status, form.status]).toEqual([400, 400, 400]);
    expect((await problemOf(field)).errors).toMatchObject([{ path: 'force' }]);
    expect((await problemOf(value)).errors).toMatchObject([{ path: 'from' }]);
  });

  test('by GET, which changes nothing', async () => {
    const { url } = await cancelledTask();

    const response = await fetch(url);

    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toContain('POST');
  });
});
