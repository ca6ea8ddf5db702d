/** The service behind nginx, configured as the README recommends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { EventReader } from '../support/event-reader.ts';
import { eventually } from '../support/eventually.ts';
import { hasNginx, Nginx } from '../support/nginx.ts';
import { bump, succeed } from '../support/polls.ts';

describe.skipIf(!hasNginx)('behind nginx', () => {
  const cacheSeconds = 2;
  const authorization = 'Bearer 0123456789abcdef';
  let api: TestApi;
  let nginx: Nginx;
  beforeAll(async () => {
    api = await startApi({
      config: { apiKeys: ['0123456789abcdef'], publicCacheSeconds: cacheSeconds },
    });
    nginx = await Nginx.start(api.port);
  });
  afterAll(async () => {
    await nginx[Symbol.asyncDispose]();
    await api.close();
  });

  async function submit(): Promise<string> {
    const response = await fetch(`${nginx.url}/tasks`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: '{"type":"noop","group":"a/b"}',
    });
    return ((await response.json()) as { id: string }).id;
  }

  const get = (id: string, headers: Record<string, string> = {}) =>
    fetch(`${nginx.url}/tasks/${id}`, { headers });

  /** The requests for a task that reach the service while `work` goes on. */
  async function arriving(work: () => Promise<unknown>): Promise<number> {
    let count = 0;
    const onRequest = () => {
      count += 1;
    };
    api.server.on('request', onRequest);
    await work();
    api.server.off('request', onRequest);
    return count;
  }

  /** How often the cache's copy of an answer may have expired since then. */
  const keptTimes = (sinceMs: number) => Math.floor((performance.now() - sinceMs) / 1000 / cacheSeconds);

  test('polls of the same task reach the service as one', async () => {
    const id = await submit();

    const startedMs = performance.now();

    const arrived = await arriving(async () => {
      const answers = await Promise.all(Array.from({ length: 200 }, () => get(id)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1);
    });

    expect(arrived).toBeLessThanOrEqual(2 + keptTimes(startedMs));
  });

  test('a client that has the newest version gets its 304 from the cache', async () => {
    const id = await submit();
    const etag = (await get(id)).headers.get('etag') ?? '';

    // On a busy machine, the cached answer may expire before the cache is asked.
    await eventually(async () => {
      const arrived = await arriving(async () => {
        const answer = await get(id, { 'if-none-match': etag });
        expect([answer.status, answer.headers.get('etag')]).toEqual([304, etag]);
        expect(answer.headers.get('cache-control')).toBe(`public, max-age=0, s-maxage=${cacheSeconds}`);
      });
      return arrived === 0;
    });
  });

  test('a change is seen when the cached answer expires, and an unchanged task is confirmed', async () => {
    const id = await submit();
    await get(id);
    await sleep(cacheSeconds * 1000 + 1_000);
    expect((await get(id)).status).toBe(200);

    await bump(api.store, id, 'news');

    await eventually(async () => ((await (await get(id)).json()) as { message: string }).message === 'news');
  });

  test('a page is never given to another client, nor in place of JSON', async () => {
    const id = await submit();
    const page = () => get(id, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    const startedMs = performance.now();

    const arrived = await arriving(async () => {
      for (const _again of [1, 2, 3]) {
        const response = await page();
        expect(response.headers.get('content-type')).toMatch(/^text\/html/);
        expect(response.headers.get('cache-control')).toBe('private, no-cache');
        expect((await get(id)).headers.get('content-type')).toMatch(/^application\/json/);
      }
    });

    // One request for each page, and one for JSON each time the cached answer expires.
    expect(arrived).toBeGreaterThanOrEqual(4);
    expect(arrived).toBeLessThanOrEqual(4 + keptTimes(startedMs));
  });

  test('a poll that is held does not hold up others', async () => {
    const id = await submit();
    const etag = (await get(id)).headers.get('etag') ?? '';
    const held = [1, 2, 3].map(() => get(id, { prefer: 'wait=60', 'if-none-match': etag }));
    await eventually(() => api.reading.watchers.count === 3);

    for (let poll = 0; poll < 20; poll += 1) expect((await get(id)).status).toBe(200);
    expect(api.reading.watchers.count).toBe(3);

    await bump(api.store, id, 'news');
    for (const response of await Promise.all(held)) {
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(await response.json()).toMatchObject({ message: 'news' });
    }
  });

  test('a held poll whose client leaves is let go of', async () => {
    const id = await submit();
    const control = new AbortController();
    const headers = { prefer: 'wait=60' };
    const held = fetch(`${nginx.url}/tasks/${id}`, { headers, signal: control.signal });
    held.catch(() => undefined);
    await eventually(() => api.reading.watchers.count === 1);

    control.abort();

    await eventually(() => api.reading.watchers.count === 0);
  });

  test('a stream passes as it comes, to its end', async () => {
    const id = await submit();
    await using stream = await EventReader.open(`${nginx.url}/tasks/${id}/events`);
    await stream.until(({ events }) => events.length === 1);

    await bump(api.store, id, 'news');
    await stream.until(({ events }) => events.length === 2);
    await succeed(api.store, id);
    await stream.until(({ isClosed }) => isClosed);

    expect(stream.names).toEqual(['task', 'task', 'task', 'end']);
  });

  test('keys are required, and groups with slashes are found', async () => {
    const id = await submit();
    const group = `${nginx.url}/groups/a%2Fb`;

    expect((await fetch(group)).status).toBe(401);
    const response = await fetch(group, { headers: { authorization } });
    expect(await response.text()).toContain(id);
  });

  test('a 404 is not cached', async () => {
    const response = await get('01a20ada-0000-7000-8000-000000000000');

    expect([response.status, response.headers.get('cache-control')]).toEqual([404, 'no-store']);
  });
});

test.skipIf(!hasNginx)(
  'behind nginx that compresses, a client that waits asks once for each change',
  async () => {
    await using api = await startApi({ config: { apiKeys: ['0123456789abcdef'], publicCacheSeconds: 1 } });
    await using nginx = await Nginx.startCompressing(api.port);
    const submitted = await fetch(`${nginx.url}/tasks`, {
      method: 'POST',
      headers: { authorization: 'Bearer 0123456789abcdef', 'content-type': 'application/json' },
      body: '{"type":"noop"}',
    });
    const { id } = (await submitted.json()) as { id: string };
    const url = `${nginx.url}/tasks/${id}`;
    const known = await fetch(url);
    let etag = known.headers.get('etag') ?? '';

    expect(known.headers.get('content-encoding')).toBe('gzip');
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    for (const change of ['one', 'two', 'three']) {
      const held = fetch(url, { headers: { prefer: 'wait=60', 'if-none-match': etag } });
      await eventually(() => api.reading.watchers.count === 1);
      await bump(api.store, id, change);
      const response = await held;
      expect(await response.json()).toMatchObject({ message: change });
      etag = response.headers.get('etag') ?? '';
    }
  },
);
