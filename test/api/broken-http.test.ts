/** Broken requests: each is answered at once, with a problem. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exchange, problemOf, startApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const host = 'Host: localhost\r\n';
const close = 'Connection: close\r\n';
const json = 'Content-Type: application/json\r\n';

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['TLS', Buffer.from('16030100a5010000a10303', 'hex'), 400],
  ['an unknown method', `BREW / HTTP/1.1\r\n${host}\r\n`, 400],
  ['a header without a colon', `GET / HTTP/1.1\r\n${host}nonsense\r\n\r\n`, 400],
  ['a header with a null', `GET / HTTP/1.1\r\n${host}a: b\0c\r\n\r\n`, 400],
  ['a header of 20 kB', `GET / HTTP/1.1\r\n${host}a: ${'b'.repeat(20_000)}\r\n\r\n`, 431],
  ['a URL of 20 kB', `GET /${'b'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`, 431],
  ['a URL of 10 kB', `GET /${'b'.repeat(10_000)} HTTP/1.1\r\n${host}${close}\r\n`, 414],
  ['two lengths', `POST /tasks HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, 400],
  ['a length that is none', `POST /tasks HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`, 400],
  [
    'a length and chunks',
    `POST /tasks HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ['a broken chunk', `POST /tasks HTTP/1.1\r\n${host}${json}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
  ['an expectation', `GET / HTTP/1.1\r\n${host}${close}Expect: the unexpected\r\n\r\n`, 417],
  ['a fragment of a URL', `GET no-slash HTTP/1.1\r\n${host}${close}\r\n`, 400],
])('%s', async (_what, bytes, status) => {
  const answer = await exchange(api.port, bytes);

  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer.toLowerCase()).toContain('application/problem+json');
});

test.each(['GET / ', `GET /tasks/01a20ada-0000-7000-8000-000000000000 `])(
  'two Hosts are refused: %s',
  async (line) => {
    const answer = await exchange(api.port, `${line}HTTP/1.1\r\n${host}host: localhost\r\n${close}\r\n`);

    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('more than one Host');
  },
);

test('a second Content-Type changes nothing', async () => {
  const body = '{"type":"noop"}';
  const answer = await exchange(
    api.port,
    `POST /tasks HTTP/1.1\r\n${host}${json}Content-Type: text/csv\r\n${close}Content-Length: ${body.length}\r\n\r\n${body}`,
  );

  expect(answer).toMatch(/^HTTP\/1\.1 (202|400) /);
});

test('two keys in two headers are refused', async () => {
  const body = '{"type":"noop"}';
  const answer = await exchange(
    api.port,
    `POST /tasks HTTP/1.1\r\n${host}${json}${close}Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );

  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('more than once');
});

test('a client that is refused early may finish sending, and go on with the connection', async () => {
  const size = 3_000_000;
  const answer = await exchange(
    api.port,
    `POST /nowhere HTTP/1.1\r\n${host}Content-Length: ${size}\r\n\r\n${'x'.repeat(size)}GET /healthz HTTP/1.1\r\n${host}${close}\r\n`,
  );

  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200']);
});

describe('a path', () => {
  test.each([
    ['DELETE', '/tasks', 'GET, HEAD, OPTIONS, POST'],
    ['PUT', '/tasks/01a20ada-0000-7000-8000-000000000000', 'GET, HEAD, OPTIONS, POST'],
    ['PATCH', '/healthz', 'GET, HEAD, OPTIONS'],
    ['PROPFIND', '/tasks', 'GET, HEAD, OPTIONS, POST'],
    ['GET', '/tasks/csv-import/cancel', 'OPTIONS, POST'],
    ['POST', '/assets/style.css', 'GET, HEAD, OPTIONS'],
  ])('that does not know %s %s says what it knows', async (method, path, allow) => {
    const response = await fetch(`${api.url}${path}`, { method });

    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allow);
    expect((await problemOf(response)).detail).toContain(allow);
  });

  test('that only a button uses says so to people who open it', async () => {
    const response = await fetch(`${api.url}/tasks/csv-import/cancel`);

    expect((await problemOf(response)).detail).toBe(
      'There is no page here: only a button or a program uses this address. The methods are: OPTIONS, POST.',
    );
  });

  test('says its methods to OPTIONS', async () => {
    const known = await fetch(`${api.url}/tasks/x/cancel`, { method: 'OPTIONS' });
    const unknown = await fetch(`${api.url}/nowhere`, { method: 'OPTIONS' });
    const all = await exchange(api.port, `OPTIONS * HTTP/1.1\r\n${host}${close}\r\n`);

    expect([known.status, unknown.status]).toEqual([204, 404]);
    expect(known.headers.get('allow')).toBe('OPTIONS, POST');
    expect(all).toMatch(/^HTTP\/1\.1 204 /);
  });

  test.each(['/nowhere', '/tasks/', '/tasks//cancel', '/assets/', '/assets/nothing.js', '/TASKS/x', '/.env'])(
    'that leads nowhere is refused: %s',
    async (path) => {
      const response = await fetch(`${api.url}${path}`);

      expect([400, 404, 405]).toContain(response.status);
      expect(response.headers.get('content-type')).toMatch(/problem\+json/);
    },
  );

  test.each([
    '/assets/../package.json',
    '/assets/%2e%2e/package.json',
    '/assets/..%2fpackage.json',
    '/assets/tsconfig.json',
  ])('leads to no other file: %s', async (path) => {
    const answer = await exchange(api.port, `GET ${path} HTTP/1.1\r\n${host}${close}\r\n`);

    expect(answer).toMatch(/^HTTP\/1\.1 40[034] /);
  });
});

test('people get a page', async () => {
  const response = await fetch(`${api.url}/nowhere`, { headers: { accept: 'text/html' } });

  expect(response.status).toBe(404);
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await response.text()).toContain('There is nothing here');
});
