/** undici's cache (RFC 9111) between a client and the service: as a browser's own, and as a shared one. */

import { Agent, cacheStores, type Dispatcher, interceptors, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { EventReader } from '../support/event-reader.ts';
import { eventually } from '../support/eventually.ts';
import { bump, newTask, remove, succeed } from '../support/polls.ts';

/** What reached the service. */
interface Arrived {
  readonly path: string;
  readonly isConditional: boolean;
  readonly status: number;
}

class CachingClient {
  readonly arrived: Arrived[] = [];
  private readonly dispatcher: Dispatcher;
  private readonly url: string;

  constructor(url: string, type: 'private' | 'shared') {
    this.url = url;
    const note: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
      const path = String(options.path);
      const isConditional = JSON.stringify(options.headers ?? {})
        .toLowerCase()
        .includes('if-none-match');
      return dispatch(options, {
        ...boundTo(handler),
        onResponseStart: (controller, status, headers, message) => {
          this.arrived.push({ path, isConditional, status });
          handler.onResponseStart?.(controller, status, headers, message);
        },
      });
    };
    const store = new cacheStores.MemoryCacheStore();
    this.dispatcher = new Agent().compose(note, interceptors.cache({ store, type }));
  }

  async get(path: string, headers: Record<string, string> = {}) {
    const {
      statusCode,
      body,
      headers: answered,
    } = await request(`${this.url}${path}`, {
      dispatcher: this.dispatcher,
      headers,
    });
    const text = await body.text();
    return { status: statusCode, text, headers: answered };
  }

  async task(id: string): Promise<{ status: string; message: string | null }> {
    return JSON.parse((await this.get(`/tasks/${id}`)).text);
  }
}

/** The methods of a handler, which may live in its prototype. */
function boundTo(handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
  const names = [
    'onRequestStart',
    'onRequestUpgrade',
    'onResponseStart',
    'onResponseData',
    'onResponseEnd',
    'onResponseError',
  ] as const;
  return Object.fromEntries(
    names.map((name) => [
      name,
      (...args: unknown[]) =>
        (handler[name] as ((...args: unknown[]) => unknown) | undefined)?.apply(handler, args),
    ]),
  );
}

const publicCacheSeconds = 600;

let api: TestApi;
let sharing: TestApi;
beforeAll(async () => {
  api = await startApi();
  sharing = await startApi({ config: { publicCacheSeconds } });
});
afterAll(async () => {
  await api.close();
  await sharing.close();
});

describe.each(['private', 'shared'] as const)('a %s cache', (type) => {
  test('asks each time, and gets a 304 if nothing has changed', async () => {
    const id = await newTask(api);
    const client = new CachingClient(api.url, type);

    const answers = [await client.task(id), await client.task(id), await client.task(id)];

    expect(answers[2]).toEqual(answers[0]);
    expect(client.arrived).toHaveLength(3);
    // undici forgets what a 304 with Cache-Control has confirmed, and begins anew.
    expect(client.arrived.slice(0, 2)).toMatchObject([
      { isConditional: false, status: 200 },
      { isConditional: true, status: 304 },
    ]);
  });

  test('shows a change as soon as the service knows it, and the end, and that it is gone', async () => {
    const id = await newTask(api);
    const client = new CachingClient(api.url, type);
    await client.task(id);

    await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });
    expect((await client.task(id)).status).toBe('cancelled');
    await fetch(`${api.url}/tasks/${id}/retry`, { method: 'POST' });
    expect((await client.task(id)).status).toBe('queued');
    await succeed(api.store, id);
    await eventually(async () => (await client.task(id)).status === 'succeeded');
    await remove(api.store, id);
    await eventually(async () => (await client.get(`/tasks/${id}`)).status === 404);
  });

  test('does not take a page for JSON, nor JSON for a page', async () => {
    const id = await newTask(api);
    const client = new CachingClient(api.url, type);
    const typeOf = async (accept: string) =>
      String((await client.get(`/tasks/${id}`, { accept })).headers['content-type']);

    for (const _again of [1, 2]) {
      expect(await typeOf('application/json')).toMatch(/^application\/json/);
      expect(await typeOf('text/html')).toMatch(/^text\/html/);
    }
  });

  test('does not answer a poll that waits from its copy', async () => {
    const id = await newTask(api);
    const client = new CachingClient(api.url, type);
    const { headers } = await client.get(`/tasks/${id}`);
    const held = client.get(`/tasks/${id}`, { prefer: 'wait=30', 'if-none-match': String(headers.etag) });
    await eventually(() => api.reading.watchers.count === 1);

    await bump(api.store, id, 'news');

    expect(JSON.parse((await held).text)).toMatchObject({ message: 'news' });
    expect((await client.task(id)).message).toBe('news');
  });

  test('asks for many tasks in the same way', async () => {
    const ids = [await newTask(api), await newTask(api)];
    const client = new CachingClient(api.url, type);
    const path = `/tasks?ids=${ids.join(',')}`;

    const first = await client.get(path);
    const second = await client.get(path);
    await fetch(`${api.url}/tasks/${ids[1]}/cancel`, { method: 'POST' });
    const third = await client.get(path);

    expect(second.text).toBe(first.text);
    expect(third.text).toContain('cancelled');
    expect(client.arrived.map(({ status }) => status)).toEqual([200, 304, 200]);
  });
});

describe('when answers may be shared for ten minutes', () => {
  test('a shared cache answers by itself, and shows a change after that time at the latest', async () => {
    const id = await newTask(sharing);
    const client = new CachingClient(sharing.url, 'shared');
    await client.task(id);
    for (let poll = 0; poll < 20; poll += 1) await client.task(id);
    expect(client.arrived).toHaveLength(1);

    await bump(sharing.store, id, 'news');
    await eventually(
      async () => (await new CachingClient(sharing.url, 'shared').task(id)).message === 'news',
    );
    expect((await client.task(id)).message).toBeNull();
    const sharedUntilMs = Date.now() + publicCacheSeconds * 1000;
    using _clock = vi.spyOn(Date, 'now').mockReturnValue(sharedUntilMs);

    expect((await client.task(id)).message).toBe('news');
  });

  test('a private cache asks each time all the same', async () => {
    const id = await newTask(sharing);
    const client = new CachingClient(sharing.url, 'private');

    await client.task(id);
    await fetch(`${sharing.url}/tasks/${id}/cancel`, { method: 'POST' });

    expect((await client.task(id)).status).toBe('cancelled');
    expect(client.arrived).toHaveLength(2);
  });

  test('a shared cache keeps neither pages, nor polls that wait, nor streams', async () => {
    const id = await newTask(sharing);
    const client = new CachingClient(sharing.url, 'shared');
    const ask = [
      { accept: 'text/html' },
      { accept: 'text/html' },
      { prefer: 'wait=0' },
      { prefer: 'wait=0' },
    ];

    for (const headers of ask) await client.get(`/tasks/${id}`, headers);

    expect(client.arrived.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await using stream = await EventReader.open(`${sharing.url}/tasks/${id}/events`);
    expect(stream.response.headers.get('cache-control')).toContain('no-store');
  });
});
