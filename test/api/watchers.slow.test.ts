/** Clients that wait while the process stands still, or the database. */
import { describe, expect, test } from 'vitest';
import { problemOf, startApi } from '../support/api.ts';
import { startApiThroughProxy } from '../support/flaky-api.ts';
import { areHeld, etagOf, startPoll } from '../support/held-polls.ts';
import { bump, newTask } from '../support/polls.ts';

test('a client that waited through a pause of the process gets no error', async () => {
  await using api = await startApi();
  const id = await newTask(api, { group: 'paused' });
  const urls = [`/tasks/${id}`, `/tasks?ids=${id}`, '/groups/paused'].map((path) => `${api.url}${path}`);
  const known = await Promise.all(urls.map((url) => fetch(url)));
  const etags = known.map(({ headers }) => headers.get('etag') ?? '');
  const held = urls.map((url, index) =>
    fetch(url, { headers: { prefer: 'wait=2', 'if-none-match': etags[index] ?? '' } }),
  );
  await areHeld(api, 3);

  pauseThread(3_000);

  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([304, 304, 304]);
});

describe('while the database does not answer', () => {
  test('a client that waits gets an error when its time is up, and is served again afterwards', async () => {
    await using database = await startApiThroughProxy();
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

/** Blocks the event loop, like a stopped process or a frozen machine. */
function pauseThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
