/** Without API keys: this machine only, and no other site's pages. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isLoopbackHost } from '../../src/api/access/origin.ts';
import { exchange, problemOf, startApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

/** fetch sets Host itself, so this goes by hand. */
async function statusFor(headers: string, method = 'GET', path = '/'): Promise<string> {
  const answer = await exchange(
    api.port,
    `${method} ${path} HTTP/1.1\r\n${headers}\r\nConnection: close\r\n\r\n`,
  );
  return answer.slice(9, 12);
}

test.each([
  'localhost',
  'localhost:3000',
  'LOCALHOST',
  'app.localhost:1',
  '127.0.0.1',
  '127.1.2.3:80',
  '[::1]:3000',
])('the host %s is this machine', async (host) => {
  expect(await statusFor(`Host: ${host}`)).toBe('200');
});

test.each([
  'evil.example',
  'localhost.evil.example',
  'evillocalhost',
  '127.0.0.1.evil.example',
  '10.0.0.1',
  '0.0.0.0',
  '[::]',
  '127.0.0.256',
  'localhost@evil.example',
])('the host %s is not', async (host) => {
  expect(isLoopbackHost(host)).toBe(false);
  expect(await statusFor(`Host: ${host}`)).toBe('403');
});

test('the Host header counts, not the authority of the request target', async () => {
  expect(await statusFor('Host: evil.example', 'GET', 'http://localhost/')).toBe('403');
});

test('a request without a host is refused', async () => {
  expect(await statusFor('X: y')).toBe('400');
  expect((await exchange(api.port, 'GET / HTTP/1.0\r\n\r\n')).slice(9, 12)).toBe('403');
});

test.each(['Forwarded', 'Via', 'X-Real-IP', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto'])(
  'a request that a proxy has forwarded (%s) is refused, and told what to do',
  async (name) => {
    const response = await fetch(api.url, { headers: { [name]: '127.0.0.1' } });

    expect(response.status).toBe(403);
    expect((await problemOf(response)).detail).toContain('HEADWAY_API_KEYS');
  },
);

describe('an unsafe request', () => {
  const post = (headers: Record<string, string>) =>
    fetch(`${api.url}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"type":"noop"}',
    });

  test.each([
    ['cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['from a sibling', { 'sec-fetch-site': 'same-site' }],
    ['of unknown origin', { origin: 'null' }],
    ['of another origin', { origin: 'https://evil.example' }],
    ['of another port', { origin: 'http://127.0.0.1:1' }],
    ['of two minds', { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }],
    ['of nonsense', { origin: 'nonsense' }],
  ])('%s is refused and does nothing', async (_what, headers) => {
    const response = await post(headers);

    expect(response.status).toBe(403);
    expect((await problemOf(response)).type).toBe('/problems/cross-site');
    expect(await api.store.db.prisma.taskState.count()).toBe(0);
  });

  test('of our own pages, or of a program, is served', async () => {
    const own = await post({ origin: api.url, 'sec-fetch-site': 'same-origin' });
    const typed = await post({ 'sec-fetch-site': 'none' });

    expect([own.status, typed.status]).toEqual([202, 202]);
  });
});

test('a safe request from another site is served: links lead here', async () => {
  const response = await fetch(api.url, { headers: { 'sec-fetch-site': 'cross-site' } });

  expect(response.status).toBe(200);
});
