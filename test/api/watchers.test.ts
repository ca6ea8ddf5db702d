/** Clients that wait: how many there may be, how they leave, and what else ends their wait. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { problemOf, startApi, type TestApi } from '../support/api.ts';
import { startClock } from '../support/clock.ts';
import { eventually } from '../support/eventually.ts';
import { startApiThroughProxy } from '../support/flaky-api.ts';
import { areHeld, etagOf, openSocket, startPoll } from '../support/held-polls.ts';
import { insertTask, newTask, otherEtag } from '../support/polls.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterEach(() => eventually(() => api.reading.watchers.count === 0));
afterAll(() => api.close());

describe('a client that leaves', () => {
  test('is no longer counted', async () => {
    const id = await newTask(api);
    const held = startPoll(api, id, { prefer: 'wait=60', 'if-none-match': await etagOf(api, id) });
    await areHeld(api, 1);

    held.abort();

    await areHeld(api, 0);
  });

  test('is no longer counted, with all that it had asked for on its connection', async () => {
    const id = await newTask(api);
    const etag = await etagOf(api, id);
    const request = `GET /tasks/${id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\nIf-None-Match: ${etag}\r\n\r\n`;
    const events = `GET /tasks/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const socket = await openSocket(api);
    socket.write(request.repeat(5) + events.repeat(20));
    // The others wait for the answer to the first.
    await areHeld(api, 1);

    socket.destroy();

    await areHeld(api, 0);
  });

  test('during the first read of its task never begins to wait', async () => {
    await using database = await startApiThroughProxy();
    const { own, proxy } = database;
    const id = await newTask(own);
    const reading = proxy.delay({ statement: 'snapshot-rows' });
    const poller = await accepted(own);
    const listener = await accepted(own);
    poller.client.write(`GET /tasks/${id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n`);
    listener.client.write(`GET /tasks/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const held = await reading;

    for (const { client } of [poller, listener]) client.destroy();
    await eventually(() => poller.connection.destroyed && listener.connection.destroyed);
    await held.deliver();

    // This client asks for the same task as the others, and is answered after them.
    expect((await fetch(`${own.url}/tasks/${id}`)).status).toBe(200);
    expect(own.reading.watchers.count).toBe(0);
  });
});

describe('a place', () => {
  test.each([
    ['a long poll', 'GET', ''],
    ['a stream', 'GET', '/events'],
  ])('is given back where what %s waits for cannot be followed', async (_what, method, path) => {
    const id = await newTask(api);
    const etag = await etagOf(api, id);
    using _watch = vi.spyOn(api.reading.snapshots, 'watch').mockImplementationOnce(() => {
      throw new Error('cannot be followed');
    });

    const headers = { prefer: 'wait=60', 'if-none-match': etag };
    const answer = fetch(`${api.url}/tasks/${id}${path}`, { method, headers }).then((response) =>
      response.text(),
    );

    // The poll gets an error, and the stream is cut.
    await answer.catch(() => undefined);
    await areHeld(api, 0);
  });
});

describe('too many clients that wait', () => {
  let full: TestApi;
  beforeAll(async () => {
    full = await startApi({ config: { maxWatchers: 3 } });
  });
  afterEach(() => areHeld(full, 0));
  afterAll(() => full.close());

  test('are told to poll without waiting, until there is room again', async () => {
    const id = await newTask(full);
    const etag = await etagOf(full, id);
    const headers = { prefer: 'wait=60', 'if-none-match': etag };
    const places = [startPoll(full, id, headers), startPoll(full, id, headers)];
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
    for (const place of places) place.abort();
    await areHeld(full, 0);
    using clock = startClock();
    const held = startPoll(full, id, headers);
    await areHeld(full, 1);
    clock.pass(60_000);
    expect((await held.response).status).toBe(304);
  });
});

describe('one client', () => {
  let shared: TestApi;
  let id: string;
  let etag: string;
  beforeAll(async () => {
    const config = { maxWatchers: 8, apiKeys: ['0123456789abcdef'], trustedProxies: ['127.0.0.0/8'] };
    shared = await startApi({ config });
    id = await insertTask(shared.store.db.pool, 'shared');
    etag = await etagOf(shared, id);
  });
  afterEach(() => areHeld(shared, 0));
  afterAll(() => shared.close());

  const wait = (from: string) =>
    startPoll(shared, id, { prefer: 'wait=60', 'if-none-match': etag, 'x-forwarded-for': from });

  test('has at most as many places as it leaves free for others, and others get theirs', async () => {
    const held = Array.from({ length: 4 }, () => wait('192.0.2.1'));
    await areHeld(shared, 4);

    const refused = await wait('192.0.2.1').response;

    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect((await problemOf(refused)).detail).toContain('from your address');
    held.push(wait('192.0.2.2'), wait('192.0.2.2'));
    await areHeld(shared, 6);
    expect((await wait('192.0.2.2').response).status).toBe(503);
    held.push(wait('192.0.2.3'));
    await areHeld(shared, 7);
    // The place that has become free is for another client.
    held.shift()?.abort();
    await areHeld(shared, 6);
    expect((await wait('192.0.2.1').response).status).toBe(503);
    held.push(wait('192.0.2.4'));
    await areHeld(shared, 7);
    for (const each of held) each.abort();
  });

  test('is told apart by what trusted proxies say, but not by what it says itself', async () => {
    const same = ['9.9.9.9, 192.0.2.1', '192.0.2.1:4711', '::ffff:192.0.2.1', '1.1.1.1,192.0.2.1, 127.0.0.9'];
    const held = same.map(wait);
    await areHeld(shared, 4);
    expect((await wait('8.8.8.8, 192.0.2.1').response).status).toBe(503);

    for (const each of held.splice(0)) each.abort();
    await areHeld(shared, 0);
    held.push(...['2001:db8::1', '[2001:DB8:0:0::2]:443', '2001:db8:0:0:3::', '2001:0db8::4'].map(wait));
    await areHeld(shared, 4);
    expect((await wait('2001:db8:0:0:ffff::5').response).status).toBe(503);
    held.push(wait('2001:db8:0:1::1'));
    await areHeld(shared, 5);
    for (const each of held) each.abort();
  });

  test('is not believed when it names another address without a trusted proxy', async () => {
    await using own = await startApi({ config: { maxWatchers: 2, apiKeys: ['0123456789abcdef'] } });
    const task = await insertTask(own.store.db.pool, 'own');
    const headers = { prefer: 'wait=60', 'if-none-match': await etagOf(own, task) };
    const held = startPoll(own, task, { ...headers, 'x-forwarded-for': '192.0.2.1' });
    await areHeld(own, 1);

    const { response } = startPoll(own, task, { ...headers, 'x-forwarded-for': '192.0.2.2' });

    expect((await response).status).toBe(503);
    held.abort();
  });
});

describe('when the service stops', () => {
  test('all clients that wait get the current state, and a client that comes then hardly waits', async () => {
    using clock = startClock();
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
    await areHeld(stopping, 1);
    clock.pass(1_000);
    expect((await later.response).status).toBe(304);
    expect(stopping.reading.watchers.count).toBe(0);
  });
});

/** A connection, from both of its ends. */
async function accepted(own: TestApi): Promise<{ client: Socket; connection: Socket }> {
  const connecting = once(own.server, 'connection') as Promise<[Socket]>;
  const client = await openSocket(own);
  const [connection] = await connecting;
  return { client, connection };
}
