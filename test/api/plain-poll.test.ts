/**
 * Plain polls of a task in memory are answered before Fastify sees them. An empty query makes the same request one
 * for Fastify, so each request is sent in both ways, and both answers must be the same.
 */
import { request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postJson, startApi, type TestApi, taskOf } from '../support/api.ts';
import { succeed } from '../support/polls.ts';
import { changeTask, runTask } from '../support/tasks.ts';

const key = 'a-key-of-the-test';
const auth = { authorization: `Bearer ${key}` };

let open: TestApi;
let keyed: TestApi;
beforeAll(async () => {
  open = await startApi();
  keyed = await startApi({ config: { apiKeys: [key], publicCacheSeconds: 1 } });
});
afterAll(() => Promise.all([open.close(), keyed.close()]));

interface Answer {
  readonly status: number | undefined;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

function ask(api: TestApi, method: string, path: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(api.url + path, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { date, ...others } = response.headers;
        resolve({ status: response.statusCode, headers: others, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Two tasks whose answers do not change with time, and whose JSON is no ASCII. */
async function tasksOf(api: TestApi): Promise<string[]> {
  const submit = async (title: string) =>
    (await taskOf(await postJson(`${api.url}/tasks`, { type: 'noop', title }, auth))).id;
  const finished = await submit('Straße, 数据, 🚀');
  await succeed(api.store, finished);
  const { taskId: running } = await runTask(api.store, { title: 'Œuvre' });
  await changeTask(api.store, running, {
    ...{ done: 10, total: 100, percentDone: 10, ratePerSecond: 1, message: 'Zeile 10 — “ok”' },
  });
  return [finished, running];
}

const maybe = (name: string, ...values: string[]) =>
  fc.option(fc.constantFrom(...values), { nil: undefined }).map((value) => ({ [name]: value }));
const someHeaders = (etag: string) =>
  fc
    .tuple(
      maybe('accept', '*/*', 'application/json', 'text/html', 'text/html, */*;q=0.1', 'image/png', ''),
      maybe(
        'if-none-match',
        etag,
        `"x", ${etag}`,
        '*',
        etag.replace('W/', ''),
        etag.replace(/"$/, '-gzip"'),
        '"x"',
      ),
      maybe('prefer', 'wait=0', 'respond-async', 'return=minimal'),
      maybe('host', 'localhost', '127.0.0.1:80', 'evil.example'),
      maybe('x-forwarded-for', '10.0.0.1'),
      maybe('sec-fetch-site', 'cross-site', 'same-origin'),
      maybe('content-encoding', 'identity', 'gzip'),
      maybe('authorization', auth.authorization, 'Bearer wrong'),
      fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'DELETE'),
    )
    .map((parts) => {
      const method = parts.at(-1) as string;
      const all = Object.entries(
        Object.assign({}, ...parts.slice(0, -1)) as Record<string, string | undefined>,
      );
      const given = all.filter((each): each is [string, string] => each[1] !== undefined);
      return { method, headers: Object.fromEntries(given) };
    });

test.each([
  ['without keys', () => open],
  ['with keys and a shared cache', () => keyed],
])('%s, an answer from memory is the answer of the route', async (_name, apiOf) => {
  const api = apiOf();
  for (const id of await tasksOf(api)) {
    const first = await ask(api, 'GET', `/tasks/${id}?`, auth);
    expect(first.status).toBe(200);
    const etag = String(first.headers.etag);
    await fc.assert(
      fc.asyncProperty(someHeaders(etag), async ({ method, headers }) => {
        const plain = await ask(api, method, `/tasks/${id}`, headers);
        const routed = await ask(api, method, `/tasks/${id}?`, headers);
        expect(plain).toEqual(routed);
      }),
      { numRuns: 150 },
    );
  }
});
