/** HEADWAY_PUBLIC_CACHE_SECONDS: which answers a shared cache may keep. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { succeed } from '../support/polls.ts';

describe('with HEADWAY_PUBLIC_CACHE_SECONDS', () => {
  let shared: TestApi;
  beforeAll(async () => {
    shared = await startApi({ config: { publicCacheSeconds: 5, apiKeys: ['0123456789abcdef'] } });
  });
  afterAll(() => shared.close());

  const keyed = { authorization: 'Bearer 0123456789abcdef', 'content-type': 'application/json' };
  const submitTo = async () =>
    (
      (await (
        await fetch(`${shared.url}/tasks`, {
          method: 'POST',
          headers: keyed,
          body: '{"type":"noop","group":"g"}',
        })
      ).json()) as { id: string }
    ).id;

  test('only plain polls of JSON may be kept by a shared cache', async () => {
    const id = await submitTo();
    const ask = (path: string, headers: Record<string, string> = {}) =>
      fetch(`${shared.url}${path}`, { headers });
    const control = async (path: string, headers?: Record<string, string>) =>
      (await ask(path, headers)).headers.get('cache-control');
    const etag = (await ask(`/tasks/${id}`)).headers.get('etag') ?? '';

    const may = 'public, max-age=0, s-maxage=5';
    expect(await control(`/tasks/${id}`)).toBe(may);
    expect(await control(`/tasks/${id}`, { 'if-none-match': etag })).toBe(may);
    expect(await control(`/tasks?ids=${id}`)).toBe(may);
    expect(await control(`/tasks/${id}`, { accept: 'text/html' })).toBe('private, no-cache');
    expect(await control(`/tasks/${id}`, { prefer: 'wait=0' })).toBe('no-store');
    expect(await control(`/tasks/${id}`, { prefer: 'wait=1', 'if-none-match': etag })).toBe('no-store');
    expect(await control('/groups/g', keyed)).toBe('private, no-cache');
    expect(await control('/tasks', keyed)).toMatch(/private|no-store/);
    expect(await control('/tasks/01a20ada-0000-7000-8000-000000000000')).toBe('no-store');
    expect(await control(`/tasks/${id}/events`, { accept: 'text/event-stream' })).toContain('no-store');
  });

  test('a finished task, too, is asked for again after that time', async () => {
    const id = await submitTo();
    await succeed(shared.store, id);

    const response = await eventually(async () => {
      const answer = await fetch(`${shared.url}/tasks/${id}`);
      return answer.headers.get('retry-after') === null ? answer : undefined;
    });

    expect(response.headers.get('cache-control')).toBe('public, max-age=0, s-maxage=5');
  });
});
