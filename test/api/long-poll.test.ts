/** GET with Prefer: wait=N */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { problemOf, startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { FlakyProxy } from '../support/flaky-proxy.ts';
import { bump, newTask, otherEtag, remove, succeed } from '../support/polls.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterEach(() => eventually(() => api.reading.watchers.count === 0));
afterAll(() => api.close());

interface Held {
  readonly response: Promise<Response>;
  abort(): void;
  /** Seconds that it took. */
  seconds(): Promise<number>;
}

function poll(id: string, headers: Record<string, string>, on = api): Held {
  const control = new AbortController();
  const startedMs = performance.now();
  let tookMs = 0;
  const response = fetch(`${on.url}/tasks/${id}`, { headers, signal: control.signal }).finally(() => {
    tookMs = performance.now() - startedMs;
  });
  response.catch(() => undefined);
  return {
    response,
    abort: () => control.abort(),
    seconds: async () => {
      await response;
      return tookMs / 1000;
    },
  };
}

const etagOf = async (id: string, on = api) =>
  (await fetch(`${on.url}/tasks/${id}`)).headers.get('etag') ?? '';

/** Resolves when so many clients are held. */
const areHeld = (count: number, on = api) => eventually(() => on.reading.watchers.count === count);

describe('a poll that waits', () => {
  test('is held while the client has the newest version, and answered with the next', async () => {
    const id = await newTask(api);
    const etag = await etagOf(id);
    const held = poll(id, { prefer: 'wait=30', 'if-none-match': etag });
    await areHeld(1);

    await bump(api.store, id, 'here it is');
    const response = await held.response;

    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).not.toBe(etag);
    expect(response.headers.get('preference-applied')).toBe('wait=30');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('vary')).toBe('Accept, Prefer');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ message: 'here it is' });
  });

  test('hears at once of what this process does', async () => {
    const id = await newTask(api);
    const held = poll(id, { prefer: 'wait=30', 'if-none-match': await etagOf(id) });
    await areHeld(1);

    const cancelled = await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });

    const response = await held.response;
    expect(response.headers.get('etag')).toBe(cancelled.headers.get('etag'));
    expect(await response.json()).toMatchObject({ status: 'cancelled' });
  });

  test.each([
    ['another version', otherEtag],
    ['garbage', 'nonsense'],
    ['a list without it', '"a", "b"'],
  ])('is answered at once to a client that has %s', async (_what, etag) => {
    const id = await newTask(api);

    const held = poll(id, { prefer: 'wait=30', 'if-none-match': etag });

    expect((await held.response).status).toBe(200);
    expect(await held.seconds()).toBeLessThan(5);
  });

  test('is answered with 304 when its time is up', async () => {
    const id = await newTask(api);
    const etag = await etagOf(id);

    const held = poll(id, { prefer: 'wait=1', 'if-none-match': `"x", W/${etag}` });
    const response = await held.response;

    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe(etag);
    expect(response.headers.get('preference-applied')).toBe('wait=1');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await held.seconds()).toBeGreaterThanOrEqual(1);
  });

  test('with * waits: whatever the version, the client has it', async () => {
    const id = await newTask(api);

    expect((await poll(id, { prefer: 'wait=1', 'if-none-match': '*' }).response).status).toBe(304);
  });

  test('without a version waits for the end, whatever happens before', async () => {
    const id = await newTask(api);
    const held = poll(id, { prefer: 'wait=30' });
    await areHeld(1);
    await bump(api.store, id);
    await sleep(600);
    expect(api.reading.watchers.count).toBe(1);

    await succeed(api.store, id);

    expect(await (await held.response).json()).toMatchObject({ status: 'succeeded' });
  });

  test('without a version is answered with the state when its time is up, and at once when it is finished', async () => {
    const id = await newTask(api);
    const early = await poll(id, { prefer: 'wait=1' }).response;
    expect([early.status, ((await early.json()) as { status: string }).status]).toEqual([200, 'queued']);

    await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });
    const late = poll(id, { prefer: 'wait=30' });

    expect(await (await late.response).json()).toMatchObject({ status: 'cancelled' });
    expect(await late.seconds()).toBeLessThan(5);
  });

  test('hears of a finished task only when a person has it tried again', async () => {
    const id = await newTask(api);
    await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });
    const held = poll(id, { prefer: 'wait=30', 'if-none-match': await etagOf(id) });
    await areHeld(1);

    await fetch(`${api.url}/tasks/${id}/retry`, { method: 'POST' });

    expect(await (await held.response).json()).toMatchObject({ status: 'queued' });
  });

  test('for no time at all is answered at once, and says so', async () => {
    const id = await newTask(api);

    const response = await poll(id, { prefer: 'wait=0', 'if-none-match': await etagOf(id) }).response;

    expect(response.status).toBe(304);
    expect(response.headers.get('preference-applied')).toBe('wait=0');
  });

  test('for longer than a minute is told how long it was', async () => {
    const id = await newTask(api);

    const response = await poll(id, { prefer: 'wait=99999', 'if-none-match': otherEtag }).response;

    expect(response.headers.get('preference-applied')).toBe('wait=60');
  });

  test.each(['wait=-1', 'wait=1.5', 'wait', 'wait=soon', 'respond-async'])(
    'is a plain one when it says %s',
    async (prefer) => {
      const id = await newTask(api);

      const response = await poll(id, { prefer, 'if-none-match': await etagOf(id) }).response;

      expect(response.status).toBe(304);
      expect(response.headers.get('preference-applied')).toBeNull();
      expect(response.headers.get('cache-control')).toBe('no-cache');
    },
  );

  test('may be a HEAD', async () => {
    const id = await newTask(api);
    const etag = await etagOf(id);
    const held = fetch(`${api.url}/tasks/${id}`, {
      method: 'HEAD',
      headers: { prefer: 'wait=30', 'if-none-match': etag },
    });
    await areHeld(1);

    await bump(api.store, id);

    const response = await held;
    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).not.toBe(etag);
  });

  test('of a page is answered at once: a person is not kept waiting', async () => {
    const id = await newTask(api);

    const held = poll(id, { prefer: 'wait=30', accept: 'text/html' });
    const response = await held.response;

    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('preference-applied')).toBeNull();
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    expect(await held.seconds()).toBeLessThan(5);
  });

  test('is told that the task is gone', async () => {
    const id = await newTask(api);
    const held = poll(id, { prefer: 'wait=30', 'if-none-match': await etagOf(id) });
    await areHeld(1);

    await remove(api.store, id);

    const response = await held.response;
    expect(response.status).toBe(404);
    expect((await problemOf(response)).type).toBe('/problems/unknown-task');
  });

  test('of what there is not is refused at once', async () => {
    const response = await poll('01a20ada-0000-7000-8000-000000000000', { prefer: 'wait=30' }).response;

    expect(response.status).toBe(404);
  });

  test('one of a thousand for the same task hears of its end like all others', async () => {
    const id = await newTask(api);
    const etag = await etagOf(id);
    const held = Array.from({ length: 1_000 }, () => poll(id, { prefer: 'wait=60', 'if-none-match': etag }));
    await areHeld(1_000);

    await succeed(api.store, id);

    const answers = await Promise.all(held.map(async ({ response }) => (await response).json()));
    expect(answers.every((answer) => (answer as { status: string }).status === 'succeeded')).toBe(true);
  });
});

describe('a client that leaves', () => {
  test('is let go of', async () => {
    const id = await newTask(api);
    const held = poll(id, { prefer: 'wait=60', 'if-none-match': await etagOf(id) });
    await areHeld(1);

    held.abort();

    await areHeld(0);
  });

  test('is let go of with all that it had asked for on its connection', async () => {
    const id = await newTask(api);
    const etag = await etagOf(id);
    const request = `GET /tasks/${id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\nIf-None-Match: ${etag}\r\n\r\n`;
    const events = `GET /tasks/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const socket = await connected();
    socket.write(request.repeat(5) + events.repeat(20));
    await areHeld(25);

    socket.destroy();

    await areHeld(0);
  });

  test('while its task is being read for the first time is not waited with', async () => {
    await using database = await slowApi();
    const { own, proxy } = database;
    const id = await newTask(own);
    const reading = proxy.delay({ statement: 'snapshot-rows' });
    const sockets = await Promise.all([connected(own.port), connected(own.port)]);
    sockets[0]?.write(`GET /tasks/${id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n`);
    sockets[1]?.write(`GET /tasks/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const held = await reading;

    for (const socket of sockets) socket.destroy();
    await sleep(100);
    await held.deliver();

    await sleep(300);
    expect(own.reading.watchers.count).toBe(0);
  });
});

test('requests on one connection are answered in order, held ones too', async () => {
  const id = await newTask(api);
  const etag = await etagOf(id);
  const socket = await connected();
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  const headers = `Host: localhost\r\nIf-None-Match: ${etag}\r\n`;
  socket.write(
    `GET /tasks/${id} HTTP/1.1\r\n${headers}Prefer: wait=30\r\n\r\nGET /tasks/${id} HTTP/1.1\r\n${headers}\r\n`,
  );
  await areHeld(1);

  await bump(api.store, id);

  await eventually(() => answer.match(/HTTP\/1\.1 \d+/g)?.length === 2);
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 304']);
  socket.destroy();
});

describe('too many who wait', () => {
  let full: TestApi;
  beforeAll(async () => {
    full = await startApi({ config: { maxWatchers: 2 } });
  });
  afterEach(() => areHeld(0, full));
  afterAll(() => full.close());

  test('are told to poll without waiting, until there is room again', async () => {
    const id = await newTask(full);
    const etag = await etagOf(id, full);
    const headers = { prefer: 'wait=60', 'if-none-match': etag };
    const held = [poll(id, headers, full), poll(id, headers, full)];
    await areHeld(2, full);

    const refused = await poll(id, headers, full).response;
    const stream = await fetch(`${full.url}/tasks/${id}/events`);
    const plain = await poll(id, { 'if-none-match': etag }, full).response;
    const news = await poll(id, { ...headers, 'if-none-match': otherEtag }, full).response;

    expect([refused.status, stream.status, plain.status, news.status]).toEqual([503, 503, 304, 200]);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.headers.get('cache-control')).toBe('no-store');
    expect((await problemOf(refused)).type).toBe('/problems/too-many-watchers');
    expect((await problemOf(stream)).type).toBe('/problems/too-many-watchers');
    for (const one of held) one.abort();
    await areHeld(0, full);
    expect((await poll(id, { ...headers, prefer: 'wait=1' }, full).response).status).toBe(304);
  });
});

describe('when the service stops', () => {
  test('all who wait are answered with what there is, and who comes then hardly waits', async () => {
    await using stopping = await startApi();
    const id = await newTask(stopping);
    const etag = await etagOf(id, stopping);
    const held = [
      poll(id, { prefer: 'wait=60', 'if-none-match': etag }, stopping),
      poll(id, { prefer: 'wait=60' }, stopping),
    ];
    await areHeld(2, stopping);

    stopping.reading.release();

    const [same, state] = await Promise.all(held.map(({ response }) => response));
    expect([same?.status, state?.status]).toEqual([304, 200]);
    expect(await state?.json()).toMatchObject({ status: 'queued' });
    const later = poll(id, { prefer: 'wait=60', 'if-none-match': etag }, stopping);
    expect((await later.response).status).toBe(304);
    expect(await later.seconds()).toBeLessThan(5);
    expect(stopping.reading.watchers.count).toBe(0);
  });
});

describe('while the database does not answer', () => {
  test('who waits is told at the end of the time, and served again afterwards', async () => {
    await using database = await slowApi();
    const { own, proxy } = database;
    const id = await newTask(own);
    const etag = await etagOf(id, own);
    const held = poll(id, { prefer: 'wait=4', 'if-none-match': etag }, own);
    await areHeld(1, own);

    proxy.freeze();
    const response = await held.response;

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect((await problemOf(response)).type).toBe('/problems/unavailable');
    const waiting = poll(id, { prefer: 'wait=60', 'if-none-match': etag }, own);
    proxy.thaw();
    await areHeld(1, own);
    await bump(own.store, id);
    expect((await waiting.response).status).toBe(200);
  });
});

function connected(port = api.port): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => undefined);
  });
}

/** The API, whose reading goes through a proxy. */
async function slowApi(): Promise<{ own: TestApi; proxy: FlakyProxy } & AsyncDisposable> {
  let proxy: FlakyProxy | undefined;
  const own = await startApi({
    async changeStore(store) {
      proxy = await FlakyProxy.start(store.db.url);
      return { ...store, db: { ...store.db, url: proxy.url } };
    },
  });
  if (!proxy) throw new Error('the proxy did not start');
  const started = proxy;
  return {
    own,
    proxy: started,
    async [Symbol.asyncDispose]() {
      started.thaw();
      await own.close();
      await started[Symbol.asyncDispose]();
    },
  };
}
