/** GET and HEAD /tasks/:id */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postJson, problemOf, startApi, type TestApi, taskOf } from '../support/api.ts';
import { etagAt, otherEtag } from '../support/polls.ts';

let api: TestApi;
let url: string;
beforeAll(async () => {
  api = await startApi();
  const task = await taskOf(await postJson(`${api.url}/tasks`, { type: 'noop', title: 'Look <here>' }));
  url = `${api.url}/tasks/${task.id}`;
});
afterAll(() => api.close());

const get = (headers: Record<string, string> = {}) => fetch(url, { headers });

describe('as JSON', () => {
  test('has a tag to compare, and says when to ask again', async () => {
    const response = await get();

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('etag')).toMatch(/^W\/"json-[\w-]{16}-1"$/);
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('vary')).toBe('Accept, Prefer');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).not.toHaveProperty('input');
  });

  test.each([
    ['the same tag', (etag: string) => etag],
    ['a strong tag', (etag: string) => etag.replace('W/', '')],
    ['a list', (etag: string) => `"other", W/"another" ,${etag}`],
    ['Apache’s', (etag: string) => etag.replace(/"$/, '-gzip"')],
    ['a strong one of Apache’s', (etag: string) => etag.replace('W/', '').replace(/"$/, '-br"')],
    ['Jetty’s', (etag: string) => etag.replace(/"$/, '--gzip"')],
    ['an older Jetty’s', (etag: string) => etag.replace(/"$/, ';gzip"')],
    ['Caddy’s in a list', (etag: string) => `"other", ${etag.replace(/"$/, '-zstd"')}`],
    ['that of two proxies in a row', (etag: string) => etag.replace(/"$/, '-br-gzip"')],
    ['anything', () => '*'],
  ])('is not sent again to a client that has it: %s', async (_what, header) => {
    const etag = (await get()).headers.get('etag') ?? '';

    const response = await get({ 'if-none-match': header(etag) });

    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe(etag);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.text()).toBe('');
  });

  test.each([
    ['another tag', () => otherEtag],
    ['another build’s tag of this version', () => etagAt(1)],
    ['the tag of a later version', (etag: string) => etag.replace(/"$/, '2"')],
    ['the tag with something else behind it', (etag: string) => etag.replace(/"$/, '-other"')],
    ['the tag with no end of codings', (etag: string) => etag.replace(/"$/, `${'-gzip'.repeat(50)}"`)],
    ['nonsense', () => 'nonsense'],
    ['a quote', () => '"'],
    ['nothing', () => ''],
  ])('is sent to a client that has %s', async (_what, header) => {
    const etag = (await get()).headers.get('etag') ?? '';

    const response = await get({ 'if-none-match': header(etag) });

    expect(response.status).toBe(200);
  });

  test('changes its tag with the task, and has no Retry-After once finished', async () => {
    const task = await taskOf(await postJson(`${api.url}/tasks`, { type: 'noop' }));
    const own = `${api.url}/tasks/${task.id}`;
    const before = await fetch(own);

    await fetch(`${own}/cancel`, { method: 'POST' });

    const after = await fetch(own, { headers: { 'if-none-match': before.headers.get('etag') ?? '' } });
    expect(after.status).toBe(200);
    expect(after.headers.get('retry-after')).toBeNull();
    expect(await after.json()).toMatchObject({ status: 'cancelled' });
  });

  test('may be asked for by HEAD', async () => {
    const response = await fetch(url, { method: 'HEAD' });

    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBeTruthy();
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(100);
  });
});

describe('as a page', () => {
  test('is for browsers, and never shared', async () => {
    const response = await get({ accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });

    const page = await response.text();
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    expect(response.headers.get('etag')).toBeNull();
    expect(response.headers.get('vary')).toBe('Accept, Prefer');
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(response.headers.get('referrer-policy')).toBe('same-origin');
    expect(page).toContain('Look &#60;here&#62;');
  });
});

describe('is refused', () => {
  test('for an id that nobody has', async () => {
    const response = await fetch(`${api.url}/tasks/01a20ada-0000-7000-8000-000000000000`);

    expect(response.status).toBe(404);
    expect((await problemOf(response)).type).toBe('/problems/unknown-task');
  });

  test.each(['abc', '1', "' OR 1=1", '%00', 'null', '01a20ada-0000-7000-8000-00000000000'])(
    'for the id %j',
    async (id) => {
      const response = await fetch(`${api.url}/tasks/${encodeURI(id)}`);

      expect(response.status).toBe(400);
      expect((await problemOf(response)).detail).toContain('UUID');
    },
  );

  test.each(['%zz', '%ff%fe', '%'])('for the broken encoding %j', async (id) => {
    const response = await fetch(`${api.url}/tasks/${id}`);

    expect(response.status).toBe(400);
    expect((await problemOf(response)).detail).toContain('percent-encoding');
  });

  test('for an id longer than any', async () => {
    const response = await fetch(`${api.url}/tasks/${'a'.repeat(300)}`);

    expect(response.status).toBe(414);
  });

  test.each(['text/csv', 'image/*', 'application/json;q=0, text/html;q=0'])('as %s', async (accept) => {
    const response = await get({ accept });

    expect(response.status).toBe(406);
    expect((await problemOf(response)).type).toBe('/problems/not-acceptable');
  });
});
