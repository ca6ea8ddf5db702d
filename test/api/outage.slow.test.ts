/** Polls, streams and health while the database is away, in each of the ways in which it can be. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { postJson, problemOf, startApi, type TestApi } from '../support/api.ts';
import { timed } from '../support/calibration.ts';
import { eventually } from '../support/eventually.ts';
import { ForgetfulProxy } from '../support/forgetful-proxy.ts';
import { bump, etagAt, newTask } from '../support/polls.ts';

interface Behind extends AsyncDisposable {
  readonly proxy: ForgetfulProxy;
  readonly api: TestApi;
  /** A task that is in memory. */
  readonly id: string;
  poll(headers?: Record<string, string>): Promise<Response>;
  /** Polls until an answer says how old it is. */
  markedPoll(): Promise<Response>;
}

/** The API, whose reading goes through a proxy. */
async function startBehindProxy(): Promise<Behind> {
  let started: ForgetfulProxy | undefined;
  const api = await startApi({
    async changeStore(store) {
      started = await ForgetfulProxy.start(store.db.url);
      return { ...store, db: { ...store.db, url: started.url } };
    },
  });
  if (!started) throw new Error('the proxy did not start');
  const proxy = started;
  const id = await newTask(api);
  const poll = (headers: Record<string, string> = {}) => fetch(`${api.url}/tasks/${id}`, { headers });
  await poll();
  return {
    proxy,
    api,
    id,
    poll,
    markedPoll: () =>
      eventually(async () => {
        const response = await poll();
        return response.headers.has('age') ? response : undefined;
      }),
    async [Symbol.asyncDispose]() {
      // First, as cutting the connections is the quickest way to end what hangs.
      await proxy[Symbol.asyncDispose]();
      await api.close();
    },
  };
}

describe.concurrent.each([
  ['hangs', 'down'],
  ['refuses', 'refuse'],
] as const)('while the database %s', (_how, fail) => {
  test('polls are answered from memory at once, with a mark of age', async () => {
    await using behind = await startBehindProxy();
    const { proxy, id, poll } = behind;
    const etag = (await poll()).headers.get('etag') ?? '';
    proxy[fail]();

    const response = await behind.markedPoll();
    const { value: unchanged, ms, allowanceMs } = await timed(() => poll({ 'if-none-match': etag }));

    expect(response.status).toBe(200);
    const age = Number(response.headers.get('age'));
    expect(Object.fromEntries(response.headers)).toMatchObject({
      etag,
      'cache-status': `headway; hit; ttl=-${age}`,
      'cache-control': 'no-store',
      'retry-after': '5',
    });
    expect(response.headers.has('warning')).toBe(false);
    expect(age).toBeGreaterThanOrEqual(2);
    expect(await response.json()).toMatchObject({ id, status: 'queued' });
    expect(unchanged.status).toBe(304);
    expect(unchanged.headers.has('age')).toBe(true);
    expect(ms).toBeLessThan(500 + allowanceMs);
  });

  test('the age grows, also for a task that nobody has asked for meanwhile', async () => {
    await using behind = await startBehindProxy();
    behind.proxy[fail]();
    await behind.markedPoll();
    await sleep(6_000);

    const response = await behind.poll();

    expect(response.status).toBe(200);
    expect(Number(response.headers.get('age'))).toBeGreaterThanOrEqual(7);
  });

  test('a client that knows a newer version is never told an older one', async () => {
    await using behind = await startBehindProxy();
    behind.proxy[fail]();
    await behind.markedPoll();

    const response = await behind.poll({ 'if-none-match': etagAt(99) });

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect((await problemOf(response)).type).toBe('/problems/unavailable');
  });

  test('within 5 s of the return of the database, polls are up to date, and open streams go on', async () => {
    await using behind = await startBehindProxy();
    const { proxy, api, id, poll } = behind;
    const stream = await fetch(`${api.url}/tasks/${id}/events`);
    const events = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    proxy[fail]();
    await behind.markedPoll();
    await bump(api.store, id, 'news');

    const { ms, allowanceMs } = await timed(async () => {
      proxy.up();
      await eventually(async () => ((await (await poll()).json()) as { message: string }).message === 'news');
    });

    expect(ms).toBeLessThan(5_500 + allowanceMs);
    expect((await poll()).headers.has('age')).toBe(false);
    let told = '';
    while (!told.includes('"news"')) told += (await events?.read())?.value;
    await events?.cancel();
  });
});

test('while the database is away, an empty group is a 503 and not called empty', async () => {
  await using behind = await startBehindProxy();
  const { proxy, api } = behind;
  const look = async () => (await fetch(`${api.url}/groups/empty`)).status;
  expect(await look()).toBe(200);

  proxy.refuse();

  await eventually(async () => (await look()) === 503);
  proxy.up();
  await eventually(async () => (await look()) === 200);
});

test('a process that was asleep answers from memory only with what it has read since', async () => {
  await using api = await startApi();
  const id = await newTask(api);
  await fetch(`${api.url}/tasks/${id}`);
  await bump(api.store, id, 'news');
  const wake = performance.now() + 3_000;
  while (performance.now() < wake);

  const response = await fetch(`${api.url}/tasks/${id}`);

  expect(response.headers.has('age')).toBe(false);
  expect(await response.json()).toMatchObject({ message: 'news' });
});

test('a submit while connections hang is refused in time, and the next one works', async () => {
  let proxy: ForgetfulProxy | undefined;
  await using api = await startApi({
    async changeStore(store) {
      proxy = await ForgetfulProxy.start(store.db.url);
      return { ...store, db: openDatabase(proxy.url, { name: 'submits' }) };
    },
  });
  // All connections of the pool: with fewer, the submit may take a new one.
  const { pool } = api.store.db;
  await Promise.all(Array.from({ length: 3 }, () => pool.query('SELECT pg_sleep(0.1)')));
  proxy?.forget();

  const { value, ms, allowanceMs } = await timed(async () => {
    const refused = await postJson(`${api.url}/tasks`, { type: 'noop' });
    const taken = await postJson(`${api.url}/tasks`, { type: 'noop' });
    return [refused.status, taken.status];
  });

  expect(value).toEqual([503, 202]);
  expect(ms).toBeLessThan(6_000 + allowanceMs);
  await api.store.db.close();
  await proxy?.[Symbol.asyncDispose]();
});
