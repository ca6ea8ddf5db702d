/** A stock EventSource in a real browser. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../../support/api.ts';
import { hasBrowser, openPage } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { bump, newTask, remove, succeed } from '../../support/polls.ts';

/** The events that the page has received. */
interface Heard {
  readonly kind: string;
  readonly id?: string;
  readonly data?: string;
}

/** Opens a stream from within a page, and keeps its events. */
const listen = `(path) => {
  globalThis.heard = [];
  const source = new EventSource(path);
  globalThis.source = source;
  for (const kind of ['open', 'error', 'task', 'end', 'gone']) {
    source.addEventListener(kind, ({ lastEventId, data }) => heard.push({ kind, id: lastEventId, data }));
  }
}`;

describe.skipIf(!hasBrowser)('EventSource', () => {
  let api: TestApi;
  let page: Page;
  /** The status of each answer to a request for a stream. */
  const answered: { path: string; status: number }[] = [];
  beforeAll(async () => {
    api = await startApi();
    api.server.on('request', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
      if (url.endsWith('/events'))
        response.once('close', () => answered.push({ path: url, status: response.statusCode }));
    });
  });
  beforeEach(async (context) => {
    page = await openPage(context);
    await page.goto(`${api.url}/healthz`);
  });
  afterAll(() => api.close());

  const heard = () => page.evaluate<Heard[]>('heard');
  const kinds = async () => (await heard()).map(({ kind }) => kind);

  test('gets every change, comes back once after the end, and is told to stay away', async () => {
    const id = await newTask(api);
    await page.evaluate(`(${listen})('/tasks/${id}/events')`);
    await eventually(async () => (await kinds()).length === 2);
    await bump(api.store, id, 'news');
    await eventually(async () => (await kinds()).length === 3);

    await succeed(api.store, id);
    // CLOSED: the EventSource does not come back.
    await eventually(async () => (await page.evaluate('source.readyState')) === 2);

    expect(await kinds()).toEqual(['open', 'task', 'task', 'task', 'end', 'error', 'error']);
    expect((await heard()).find(({ kind }) => kind === 'end')?.id).toBe('3');
    expect(answered.filter(({ path }) => path.includes(id)).map(({ status }) => status)).toEqual([200, 204]);
  });

  test('stays away from a task that is gone', async () => {
    const id = await newTask(api);
    await page.evaluate(`(${listen})('/tasks/${id}/events')`);
    await eventually(async () => (await kinds()).length === 2);

    await remove(api.store, id);
    await eventually(async () => (await page.evaluate('source.readyState')) === 2);

    expect(await kinds()).toEqual(['open', 'task', 'gone', 'error', 'error']);
    expect(answered.filter(({ path }) => path.includes(id)).map(({ status }) => status)).toEqual([200, 404]);
  });

  test('goes on from its last event after a broken connection', async () => {
    const id = await newTask(api);
    await page.evaluate(`(${listen})('/tasks/${id}/events')`);
    await eventually(async () => (await kinds()).length === 2);

    api.server.closeAllConnections();
    await eventually(async () => (await kinds()).filter((kind) => kind === 'open').length === 2);
    await bump(api.store, id, 'news');
    await eventually(async () => (await kinds()).at(-1) === 'task');

    // The events from before are not sent again.
    expect(await kinds()).toEqual(['open', 'task', 'error', 'open', 'task']);
    expect(JSON.parse((await heard()).at(-1)?.data ?? '')).toMatchObject({ id, message: 'news' });
    await page.evaluate('source.close()');
    await eventually(() => api.reading.watchers.count === 0);
  });
});
