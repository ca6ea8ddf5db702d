/** Random requests: `hostile.test.ts` sends some, the slow test sends many. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exchange, startApi, storedFiles, type TestApi } from '../support/api.ts';

const id = '01a20ada-0000-7000-8000-000000000000';
const path = fc.oneof(
  fc.constantFrom('/', '/tasks', '/tasks/noop', '/tasks/csv-import', `/tasks/${id}`, `/tasks/${id}/cancel`),
  fc.constantFrom(`/datasets/${id}`, '/session', '/healthz', '/assets/style.css'),
  fc.webPath({ size: 'small' }).map((text) => (text.startsWith('/') ? text : `/${text}`)),
);
const query = fc.oneof(
  fc.constant(''),
  fc.webQueryParameters().map((text) => `?${text}`),
  fc.stringMatching(/^[!-~]{0,60}$/).map((text) => `?${text}`),
);
const headerValue = fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,80}$/);
const headers = fc.dictionary(
  fc.constantFrom(
    'accept',
    'accept-encoding',
    'authorization',
    'content-disposition',
    'content-encoding',
    'content-type',
    'cookie',
    'idempotency-key',
    'if-none-match',
    'origin',
    'prefer',
    'range',
    'sec-fetch-site',
  ),
  fc.oneof(
    headerValue,
    fc.constantFrom('application/json', 'text/csv', 'multipart/form-data; boundary=x', '*/*', 'text/html'),
  ),
  // Most headers are reasons to be refused. With few headers, many requests get further.
  { maxKeys: 3 },
);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .object({ key: fc.constantFrom('type', 'input', 'key', 'group', 'title', '__proto__', 'constructor') })
    .map((value) => Buffer.from(JSON.stringify({ type: 'noop', ...value }))),
  fc
    .string({
      unit: fc.constantFrom('--x', '\r\n', 'Content-Disposition: form-data; name="', '"', 'file', ';', 'a'),
    })
    .map((text) => Buffer.from(`--x${text}--x--`)),
);

const safely = (status: string | undefined) => status !== undefined && /^[234]/.test(status);

/** Runs each test this often. */
export function testAnythingSent(numRuns: number): void {
  const runs = { numRuns };
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  test('whatever a request says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'QUERY'),
        path,
        query,
        headers,
        body,
        async (method, target, search, extra, bytes) => {
          const lines = Object.entries(extra).map(([name, value]) => `${name}: ${value}\r\n`);
          const head = `${method} ${target}${search} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines.join('')}Content-Length: ${bytes.length}\r\n\r\n`;

          const answer = await exchange(api.port, Buffer.concat([Buffer.from(head, 'latin1'), bytes]));

          expect(answer.slice(0, 200)).toSatisfy((text: string) =>
            safely(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]),
          );
        },
      ),
      runs,
    );
  });

  test('whatever bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        const answer = await exchange(api.port, Buffer.concat([bytes, Buffer.from('\r\n\r\n\r\n')]));

        expect(answer === '' || safely(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])).toBe(true);
      }),
      runs,
    );
  });

  test('whatever JSON is submitted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue({ stringUnit: 'binary' }),
        fc.option(fc.string({ unit: 'binary', maxLength: 300 }), { nil: undefined }),
        async (input, key) => {
          const response = await fetch(`${api.url}/tasks`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ type: 'noop', input, key }),
          });

          expect([202, 200, 400, 409]).toContain(response.status);
          await response.arrayBuffer();
        },
      ),
      runs,
    );
  });

  test('and no file is left that nobody owns', async () => {
    const owned = await api.store.db.prisma.file.count({ where: { taskId: { not: null } } });

    expect((await storedFiles(api.store)).files).toBe(owned);
  });
}
