/** How a page understands an answer, and how it names the version that it has. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, type Question } from '../../public/ask.js';

const task = { version: 7, status: 'running' };
let headers: Record<string, string> = {};
let asked: IncomingMessage | undefined;
const server = createServer((request, response) => {
  asked = request;
  response.writeHead(200, { etag: 'W/"7"', ...headers }).end(JSON.stringify(task));
});
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const isState = (body: unknown): body is typeof task => typeof body === 'object';

/** Asks like a page that has version 6. */
function question({
  path = '/tasks/1',
  ...options
}: Partial<Question<typeof task>> & { path?: string } = {}) {
  return ask({ url: `${url}${path}`, etag: 'W/"6"', version: 6, waitSeconds: 0, isState, ...options });
}

test.each([
  ['its own word', 'headway; hit; ttl=-5'],
  ['its own word before that of a cache on the way', 'headway;hit;ttl=-5, "ExampleCDN"; fwd=miss; stored'],
])('an answer that the service itself calls stale is told with its age: %s', async (_what, status) => {
  headers = { age: '5', 'cache-status': status };

  const news = await question();
  const known = await question({ version: 7 });

  expect(news).toMatchObject({ kind: 'unavailable', ageMs: 5000, remembered: { state: task } });
  expect(known).toMatchObject({ kind: 'unavailable', ageMs: 5000 });
  expect(known).not.toHaveProperty('remembered');
});

test.each([
  ['a cache on the way', { age: '5', 'cache-status': 'ExampleCache; hit; ttl=-5' }],
  ['a hit that is fresh', { age: '5', 'cache-status': 'headway; hit; ttl=1' }],
  ['the warning of old', { age: '5', warning: '110 - "Response is Stale"' }],
])('an answer is news all the same with %s', async (_what, others) => {
  headers = others;

  expect(await question()).toMatchObject({ kind: 'changed', state: task, etag: 'W/"7"' });
});

test('a state that the page has is no news, even if it is sent again because its tag was lost', async () => {
  headers = { 'preference-applied': 'wait=10' };

  const reply = await question({ etag: '', version: 7, waitSeconds: 10 });

  expect(reply).toMatchObject({ kind: 'unchanged', wasHeld: true, etag: 'W/"7"' });
});

test.each([
  ['held', { waitSeconds: 10 }, '/tasks/1?after=6'],
  ['held of many', { path: '/tasks?ids=1,2', waitSeconds: 10 }, '/tasks?ids=1,2&after=6'],
  ['held while nothing is known', { version: undefined, waitSeconds: 10 }, '/tasks/1'],
  ['plain, for caches to answer', {}, '/tasks/1'],
])('a question that is %s names its version to the service, or not', async (_what, options, path) => {
  headers = {};

  await question(options);

  expect(asked?.url).toBe(path);
  expect(asked?.headers['if-none-match']).toBe('W/"6"');
});
