/** GET with Prefer: wait=N */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { problemOf, startApi, type TestApi } from '../support/api.ts';
import { type Clock, startClock } from '../support/clock.ts';
import { eventually } from '../support/eventually.ts';
import { areHeld, etagOf, openSocket, startPoll } from '../support/held-polls.ts';
import { bump, etagAt, newTask, otherEtag, remove, succeed } from '../support/polls.ts';

let api: TestApi;
let clock: Clock;
beforeAll(async () => {
  clock = startClock();
  api = await startApi();
});
afterEach(() => eventually(() => api.reading.watchers.count === 0));
afterAll(async () => {
  await api.close();
  clock[Symbol.dispose]();
});

/** Counts the clients that are held from now on. */
const countHeld = () => vi.spyOn(api.reading.watchers, 'enter');

describe('a poll that waits', () => {
  test('is held while the client has the newest version, and answered with the next', async () => {
    const id = await newTask(api);
    const etag = await etagOf(api, id);
    const held = startPoll(api, id, { prefer: 'wait=30', 'if-none-match': etag });
    await areHeld(api, 1);

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

  test('learns at once of what this process does', async () => {
    const id = await newTask(api);
    const held = startPoll(api, id, { prefer: 'wait=30', 'if-none-match': await etagOf(api, id) });
    await areHeld(api, 1);

    const cancelled = await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });

    const response = await held.response;
    expect(response.headers.get('etag')).toBe(cancelled.headers.get('etag'));
    expect(await response.json()).toMatchObject({ status: 'cancelled' });
  });

  test.each([
    ['another version', '', { 'if-none-match': otherEtag }],
    ['a list of others', '', { 'if-none-match': `"a", ${etagAt(7)}, ${etagAt(3)}` }],
    ['no version', '?after=0', {}],
    ['another version, as its URL says', '?after=7', {}],
    ['one of which only the URL says which it is', '?after=7', { 'if-none-match': '"foreign"' }],
  ])('is answered at once to a client that has %s', async (_what, query, headers) => {
    const id = await newTask(api);
    using held = countHeld();

    const { response } = startPoll(api, `${id}${query}`, { prefer: 'wait=30', ...headers });

    expect((await response).status).toBe(200);
    expect(held).not.toHaveBeenCalled();
  });

  test.each<[string, string, (etag: string) => string | undefined]>([
    ['the URL, as tags are lost', '?after=1', () => undefined],
    ['the URL beside a tag that is foreign', '?after=1', () => '"foreign"'],
    ['the URL beside the tag of an older version', '?after=1', () => otherEtag],
    ['a tag beside a URL that is older', '?after=0', (etag) => etag],
    ['a tag of another build', '', () => etagAt(1)],
    ['a tag of another build, with a coding', '', () => etagAt(1).replace(/"$/, '-gzip"')],
    ['a tag with a coding', '', (etag) => etag.replace(/"$/, '-gzip"')],
    ['a tag with what nobody knows behind it', '', (etag) => etag.replace(/"$/, '+what"')],
    ['a tag with a coding behind the quotes', '', (etag) => `${etag}-gzip`],
    ['a tag without quotes', '', (etag) => etag.replaceAll('"', '')],
    ['a tag in a list', '', (etag) => `"a", "b", ${etag}`],
  ])('is held where the version that there is is named by %s', async (_what, query, header) => {
    const id = await newTask(api);
    const etag = header(await etagOf(api, id));
    const headers = { prefer: 'wait=30', ...(etag !== undefined && { 'if-none-match': etag }) };
    const held = startPoll(api, `${id}${query}`, headers);
    await areHeld(api, 1);

    await bump(api.store, id, 'news');

    expect(await (await held.response).json()).toMatchObject({ version: 2, message: 'news' });
  });

  test.each([
    ['garbage', 'nonsense'],
    ['tags of others', '"a", W/"b"'],
  ])('with %s waits for the end, as one without a version', async (_what, etag) => {
    const id = await newTask(api);
    const held = startPoll(api, id, { prefer: 'wait=30', 'if-none-match': etag });
    const other = startPoll(api, `${id}?after=1`, { prefer: 'wait=30' });
    await areHeld(api, 2);
    await bump(api.store, id);
    await other.response;
    expect(api.reading.watchers.count).toBe(1);

    await succeed(api.store, id);

    expect(await (await held.response).json()).toMatchObject({ status: 'succeeded' });
  });

  test('whose tags are lost is answered with the state when its time is up', async () => {
    const id = await newTask(api);
    const held = startPoll(api, `${id}?after=1`, { prefer: 'wait=30' });
    await areHeld(api, 1);

    clock.pass(30_000);

    const response = await held.response;
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ version: 1 });
  });

  test('after a version that only another process knows is answered from the database', async () => {
    const id = await newTask(api);
    await etagOf(api, id);
    const version = await bump(api.store, id);
    const held = startPoll(api, `${id}?after=${version}`, { prefer: 'wait=30' });
    await areHeld(api, 1);

    await bump(api.store, id, 'news');

    expect(await (await held.response).json()).toMatchObject({ version: version + 1, message: 'news' });
  });

  test.each(['', '-1', '1.5', 'x', '99999999999', '1.AAAAAAAAAAAA', '1&after=1', '%00'])(
    'is refused with an `after` that is no version: %j',
    async (after) => {
      const id = await newTask(api);

      const { response } = startPoll(api, `${id}?after=${after}`, { prefer: 'wait=30' });

      expect((await response).status).toBe(400);
      expect((await problemOf(await response)).errors).toEqual([
        { path: 'after', message: "must be a task's version: a whole number, 0 for none" },
      ]);
    },
  );

  test('is answered with 304 when its time is up', async () => {
    const id = await newTask(api);
    const etag = await etagOf(api, id);

    const held = startPoll(api, id, { prefer: 'wait=1', 'if-none-match': `"x", ${etag}` });
    await areHeld(api, 1);
    clock.pass(999);
    expect(api.reading.watchers.count).toBe(1);
    clock.pass(1);
    const response = await held.response;

    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe(etag);
    expect(response.headers.get('preference-applied')).toBe('wait=1');
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test('is held for as long as it says', async () => {
    const id = await newTask(api);
    const held = startPoll(api, id, { prefer: 'wait=60', 'if-none-match': await etagOf(api, id) });
    await areHeld(api, 1);

    clock.pass(60_000);

    expect((await held.response).status).toBe(304);
  });

  test('with * waits: the client has the version, whatever it is', async () => {
    const id = await newTask(api);
    const held = startPoll(api, id, { prefer: 'wait=30', 'if-none-match': '*' });
    await areHeld(api, 1);

    clock.pass(30_000);

    expect((await held.response).status).toBe(304);
  });

  test('without a version waits for the end, whatever happens before', async () => {
    const id = await newTask(api);
    const held = startPoll(api, id, { prefer: 'wait=30' });
    const other = startPoll(api, id, { prefer: 'wait=30', 'if-none-match': await etagOf(api, id) });
    await areHeld(api, 2);
    await bump(api.store, id);
    expect((await other.response).status).toBe(200);
    expect(api.reading.watchers.count).toBe(1);

    await succeed(api.store, id);

    expect(await (await held.response).json()).toMatchObject({ status: 'succeeded' });
  });

  test('without a version is answered with the state when its time is up, and at once when it is finished', async () => {
    const id = await newTask(api);
    const held = startPoll(api, id, { prefer: 'wait=30' });
    await areHeld(api, 1);
    clock.pass(30_000);
    const early = await held.response;
    expect([early.status, ((await early.json()) as { status: string }).status]).toEqual([200, 'queued']);

    await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });
    using heldLater = countHeld();
    const late = await startPoll(api, id, { prefer: 'wait=30' }).response;

    expect(await late.json()).toMatchObject({ status: 'cancelled' });
    expect(heldLater).not.toHaveBeenCalled();
  });

  test('learns of a finished task only when a person retries the task', async () => {
    const id = await newTask(api);
    await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });
    const held = startPoll(api, id, { prefer: 'wait=30', 'if-none-match': await etagOf(api, id) });
    await areHeld(api, 1);

    await fetch(`${api.url}/tasks/${id}/retry`, { method: 'POST' });

    expect(await (await held.response).json()).toMatchObject({ status: 'queued' });
  });

  test('for 0 s is answered at once, and says so', async () => {
    const id = await newTask(api);
    const etag = await etagOf(api, id);
    using held = countHeld();

    const response = await startPoll(api, id, { prefer: 'wait=0', 'if-none-match': etag }).response;

    expect(response.status).toBe(304);
    expect(response.headers.get('preference-applied')).toBe('wait=0');
    expect(held).not.toHaveBeenCalled();
  });

  test('for longer than a minute is cut to a minute, and the answer says so', async () => {
    const id = await newTask(api);

    const response = await startPoll(api, id, { prefer: 'wait=99999', 'if-none-match': otherEtag }).response;

    expect(response.headers.get('preference-applied')).toBe('wait=60');
  });

  test.each(['wait=-1', 'wait=1.5', 'wait', 'wait=soon', 'respond-async'])(
    'is a plain poll when it says %s',
    async (prefer) => {
      const id = await newTask(api);

      const response = await startPoll(api, id, { prefer, 'if-none-match': await etagOf(api, id) }).response;

      expect(response.status).toBe(304);
      expect(response.headers.get('preference-applied')).toBeNull();
      expect(response.headers.get('cache-control')).toBe('no-cache');
    },
  );

  test('may be a HEAD', async () => {
    const id = await newTask(api);
    const etag = await etagOf(api, id);
    const held = fetch(`${api.url}/tasks/${id}`, {
      method: 'HEAD',
      headers: { prefer: 'wait=30', 'if-none-match': etag },
    });
    await areHeld(api, 1);

    await bump(api.store, id);

    const response = await held;
    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).not.toBe(etag);
  });

  test('of a page is answered at once: a person is not kept waiting', async () => {
    const id = await newTask(api);
    using held = countHeld();

    const response = await startPoll(api, id, { prefer: 'wait=30', accept: 'text/html' }).response;

    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('preference-applied')).toBeNull();
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    expect(held).not.toHaveBeenCalled();
  });

  test('is told that the task is gone', async () => {
    const id = await newTask(api);
    const held = startPoll(api, id, { prefer: 'wait=30', 'if-none-match': await etagOf(api, id) });
    await areHeld(api, 1);

    await remove(api.store, id);

    const response = await held.response;
    expect(response.status).toBe(404);
    expect((await problemOf(response)).type).toBe('/problems/unknown-task');
  });

  test('of a task that does not exist is refused at once', async () => {
    using held = countHeld();

    const response = await startPoll(api, '01a20ada-0000-7000-8000-000000000000', { prefer: 'wait=30' })
      .response;

    expect(response.status).toBe(404);
    expect(held).not.toHaveBeenCalled();
  });
});

test('requests on one connection are answered in order, held ones too', async () => {
  const id = await newTask(api);
  const etag = await etagOf(api, id);
  const socket = await openSocket(api);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  const headers = `Host: localhost\r\nIf-None-Match: ${etag}\r\n`;
  socket.write(
    `GET /tasks/${id} HTTP/1.1\r\n${headers}Prefer: wait=30\r\n\r\nGET /tasks/${id} HTTP/1.1\r\n${headers}\r\n`,
  );
  await areHeld(api, 1);

  await bump(api.store, id);

  await eventually(() => answer.match(/HTTP\/1\.1 \d+/g)?.length === 2);
  // The second is worked on after the first, so it has the same state.
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  socket.destroy();
});
