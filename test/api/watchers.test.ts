/** Clients that wait: how many there may be, how they leave, and what else ends their wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { problemOf, startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { FlakyProxy } from '../support/flaky-proxy.ts';
import { areHeld, connected, etagOf, startPoll } from '../support/held-polls.ts';
import { bump, newTask, otherEtag } from '../support/polls.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterEach(() => eventually(() => api.reading.watchers.count === 0));
afterAll(() => api.close());

describe('a client that leaves', () => {
  test('is let go of', async () => {
    const id = await newTask(api);
    const held = startPoll(api, id, { prefer: 'wait=60', 'if-none-match': await etagOf(api, id) });
    await areHeld(api, 1);

    held.abort();

    await areHeld(api, 0);
  });

  test('is let go of with all that it had asked for on its connection', async () => {
    const id = await newTask(api);
    const etag = await etagOf(api, id);
    const request = `GET /tasks/${id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\nIf-None-Match: ${etag}\r\n\r\n`;
    const events = `GET /tasks/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const socket = await connected(api);
    socket.write(request.repeat(5) + events.repeat(20));
    await areHeld(api, 25);

    socket.destroy();

    await areHeld(api, 0);
  });

  test('while its task is being read for the first time is not waited with', async () => {
    await using database = await slowApi();
    const { own, proxy } = database;
    const id = await newTask(own);
    const reading = proxy.delay({ statement: 'snapshot-rows' });
    const sockets = await Promise.all([connected(own), connected(own)]);
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

describe('too many who wait', () => {
  let full: TestApi;
  beforeAll(async () => {
    full = await startApi({ config: { maxWatchers: 2 } });
  });
  afterEach(() => areHeld(full, 0));
  afterAll(() => full.close());

  test('are told to poll without waiting, until there is room again', async () => {
    const id = await newTask(full);
    const etag = await etagOf(full, id);
    const headers = { prefer: 'wait=60', 'if-none-match': etag };
    const held = [startPoll(full, id, headers), startPoll(full, id, headers)];
    await areHeld(full, 2);

    const refused = await startPoll(full, id, headers).response;
    const stream = await fetch(`${full.url}/tasks/${id}/events`);
    const plain = await startPoll(full, id, { 'if-none-match': etag }).response;
    const news = await startPoll(full, id, { ...headers, 'if-none-match': otherEtag }).response;

    expect([refused.status, stream.status, plain.status, news.status]).toEqual([503, 503, 304, 200]);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.headers.get('cache-control')).toBe('no-store');
    expect((await problemOf(refused)).type).toBe('/problems/too-many-watchers');
    expect((await problemOf(stream)).type).toBe('/problems/too-many-watchers');
    for (const one of held) one.abort();
    await areHeld(full, 0);
    expect((await startPoll(full, id, { ...headers, prefer: 'wait=1' }).response).status).toBe(304);
  });
});

describe('when the service stops', () => {
  test('all who wait are answered with what there is, and who comes then hardly waits', async () => {
    await using stopping = await startApi();
    const id = await newTask(stopping);
    const etag = await etagOf(stopping, id);
    const held = [
      startPoll(stopping, id, { prefer: 'wait=60', 'if-none-match': etag }),
      startPoll(stopping, id, { prefer: 'wait=60' }),
    ];
    await areHeld(stopping, 2);

    stopping.reading.release();

    const [same, state] = await Promise.all(held.map(({ response }) => response));
    expect([same?.status, state?.status]).toEqual([304, 200]);
    expect(await state?.json()).toMatchObject({ status: 'queued' });
    const later = startPoll(stopping, id, { prefer: 'wait=60', 'if-none-match': etag });
    expect((await later.response).status).toBe(304);
    expect(await later.seconds()).toBeLessThan(5);
    expect(stopping.reading.watchers.count).toBe(0);
  });
});

test('who has waited through a pause of the process is told of no trouble', async () => {
  const id = await newTask(api, { group: 'paused' });
  const urls = [`/tasks/${id}`, `/tasks?ids=${id}`, '/groups/paused'].map((path) => `${api.url}${path}`);
  const known = await Promise.all(urls.map((url) => fetch(url)));
  const etags = known.map(({ headers }) => headers.get('etag') ?? '');
  const held = urls.map((url, index) =>
    fetch(url, { headers: { prefer: 'wait=1', 'if-none-match': etags[index] ?? '' } }),
  );
  await areHeld(api, 3);

  pauseThread(3_000);

  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([304, 304, 304]);
});

describe('while the database does not answer', () => {
  test('who waits is told at the end of the time, and served again afterwards', async () => {
    await using database = await slowApi();
    const { own, proxy } = database;
    const id = await newTask(own);
    const etag = await etagOf(own, id);
    const held = startPoll(own, id, { prefer: 'wait=4', 'if-none-match': etag });
    await areHeld(own, 1);

    proxy.freeze();
    const response = await held.response;

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect((await problemOf(response)).type).toBe('/problems/unavailable');
    const waiting = startPoll(own, id, { prefer: 'wait=60', 'if-none-match': etag });
    proxy.thaw();
    await areHeld(own, 1);
    await bump(own.store, id);
    expect((await waiting.response).status).toBe(200);
  });
});

/** As a stopped process or a frozen machine does, nothing goes on. */
function pauseThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
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
