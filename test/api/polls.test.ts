/** Conditional polls of JSON, as all kinds of clients send them. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerOf } from '../../src/api/reading/task-answer.ts';
import { exchange, postJson, problemOf, startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { bump, etagAt, newTask, remove } from '../support/polls.ts';
import { rowOf } from '../support/tasks.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${api.url}${path}`, { headers });
const etagOf = async (path: string) => (await get(path)).headers.get('etag') ?? '';

/** The head and the body of the answer to a request that is written by hand. */
async function raw(request: string, headers = ''): Promise<{ head: string; body: string }> {
  const answer = await exchange(api.port, `${request}\r\nHost: localhost\r\n${headers}\r\n`);
  const [head = '', ...body] = answer.split('\r\n\r\n');
  return { head, body: body.join('\r\n\r\n') };
}

describe('If-None-Match', () => {
  test('may be given in several headers', async () => {
    const id = await newTask(api);
    const etag = await etagOf(`/tasks/${id}`);

    const { head } = await raw(
      `GET /tasks/${id} HTTP/1.1`,
      `If-None-Match: "a", "b"\r\nIf-None-Match: ${etag}\r\nConnection: close\r\n`,
    );

    expect(head).toMatch(/^HTTP\/1\.1 304 /);
  });

  test.each(['"a, b"', '*, "a"', 'W/', '"json-9.9.9-1"', `"${'-'.repeat(8_000)}`, '"json-1-'.repeat(900)])(
    'that names no version of the task brings the task: %.20s',
    async (header) => {
      const id = await newTask(api);

      const response = await get(`/tasks/${id}`, { 'if-none-match': header });

      expect(response.status).toBe(200);
    },
  );

  test('with a version that only another process knows is answered by the database', async () => {
    const id = await newTask(api);
    await etagOf(`/tasks/${id}`);
    await bump(api.store, id);
    const elsewhere = answerOf(await rowOf(api.store, id), () => undefined);

    const response = await get(`/tasks/${id}`, { 'if-none-match': elsewhere.etag });

    expect(response.status).toBe(304);
  });

  test('with a version from the future is answered with the current state', async () => {
    const id = await newTask(api);
    await get(`/tasks/${id}`);

    const response = await get(`/tasks/${id}`, { 'if-none-match': etagAt(9_999_999_999) });

    expect(response.status).toBe(200);
  });

  test('does not turn a missing task into a 304', async () => {
    const response = await get('/tasks/01a20ada-0000-7000-8000-000000000000', { 'if-none-match': '*' });

    expect(response.status).toBe(404);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });
});

describe('a 304', () => {
  test('has the headers of a 200, but those of the content', async () => {
    const id = await newTask(api);
    const found = await get(`/tasks/${id}`);
    const askedMs = Date.now();

    const same = await get(`/tasks/${id}`, { 'if-none-match': found.headers.get('etag') ?? '' });

    expect(same.status).toBe(304);
    for (const name of ['etag', 'cache-control', 'vary', 'retry-after', 'x-content-type-options']) {
      expect([name, same.headers.get(name)]).toEqual([name, found.headers.get(name)]);
    }
    // The Date header has whole seconds.
    expect(Date.parse(same.headers.get('date') ?? '')).toBeGreaterThan(askedMs - 2_000);
    for (const name of ['content-type', 'content-length', 'transfer-encoding']) {
      expect([name, same.headers.get(name)]).toEqual([name, null]);
    }
  });

  test('leaves the connection open for the next request', async () => {
    const id = await newTask(api);
    const etag = await etagOf(`/tasks/${id}`);
    const request = `GET /tasks/${id} HTTP/1.1\r\nHost: localhost\r\n`;

    const answer = await exchange(
      api.port,
      `${request}If-None-Match: ${etag}\r\n\r\n${request}\r\n${request}Connection: close\r\n\r\n`,
    );

    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 304', 'HTTP/1.1 200', 'HTTP/1.1 200']);
    expect(answer.match(/"links":\{[^}]*\}\}/g)).toHaveLength(2);
  });
});

describe('HEAD', () => {
  test('is answered with the head of GET', async () => {
    const id = await newTask(api, { title: 'Ünïcode 🎉' });
    const path = `/tasks/${id}`;
    const found = await get(path);
    const text = await found.text();

    for (const method of ['HEAD', 'HEAD']) {
      const response = await fetch(`${api.url}${path}`, { method });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
      expect(response.headers.get('etag')).toBe(found.headers.get('etag'));
      expect(await response.text()).toBe('');
    }
    const same = await fetch(`${api.url}${path}`, {
      method: 'HEAD',
      headers: { 'if-none-match': found.headers.get('etag') ?? '' },
    });
    expect(same.status).toBe(304);
  });

  test('sends no body into the next answer on the connection', async () => {
    const id = await newTask(api);
    const answer = await exchange(
      api.port,
      `HEAD /tasks/${id} HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );

    expect(answer).not.toContain(id);
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  });
});

describe('old and odd clients', () => {
  test('HTTP/1.0 gets the length and the end of the connection', async () => {
    const id = await newTask(api);

    for (const _again of [1, 2]) {
      const { head, body } = await raw(`GET /tasks/${id} HTTP/1.0`);
      expect(head).toMatch(/^HTTP\/1\.1 200 /);
      expect(head.toLowerCase()).toContain('connection: close');
      expect(JSON.parse(body)).toMatchObject({ id });
    }
  });

  test('Expect: 100-continue is answered', async () => {
    const id = await newTask(api);

    const { head, body } = await raw(
      `GET /tasks/${id} HTTP/1.1`,
      'Expect: 100-continue\r\nConnection: close\r\n',
    );

    expect(head).toMatch(/^HTTP\/1\.1 100 /);
    expect(body).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('an id in upper case is the same task', async () => {
    const id = await newTask(api);

    const response = await get(`/tasks/${id.toUpperCase()}`);

    expect(await response.json()).toMatchObject({ id });
  });

  test('a query changes nothing', async () => {
    const id = await newTask(api);

    expect((await get(`/tasks/${id}?_=${Date.now()}`)).status).toBe(200);
  });

  test('a body is not waited for, nor taken for a request', async () => {
    const id = await newTask(api);

    const { head } = await raw(
      `GET /tasks/${id} HTTP/1.1`,
      'Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n',
    );

    expect(head).toMatch(/^HTTP\/1\.1 (200|400) /);
  });

  test('clients that hang up at once do no harm', async () => {
    const id = await newTask(api);
    for (let client = 0; client < 50; client += 1) {
      const socket = connect(api.port, '127.0.0.1', () => {
        socket.write(`GET /tasks/${id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n`);
        socket.destroy();
      });
      socket.on('error', () => undefined);
    }

    await eventually(() => api.reading.watchers.count === 0);
    expect((await get(`/tasks/${id}`)).status).toBe(200);
  });

  test('another name for this machine is refused, polls included, while no keys are set', async () => {
    const id = await newTask(api);
    await get(`/tasks/${id}`);

    const answer = await exchange(
      api.port,
      `GET /tasks/${id} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
    );

    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).not.toContain(id);
  });
});

describe('the answer to a poll', () => {
  test('has the same bytes after a write as after a read', async () => {
    const id = await newTask(api);
    const cancelled = await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });
    const text = await cancelled.text();

    const fromMemory = await get(`/tasks/${id}`);
    expect(fromMemory.headers.get('etag')).toBe(cancelled.headers.get('etag'));
    expect(await fromMemory.text()).toBe(text);

    await using other = await startReader();
    const fromDatabase = await fetch(`${other.url}/tasks/${id}`);
    expect(fromDatabase.headers.get('etag')).toBe(cancelled.headers.get('etag'));
    expect(await fromDatabase.text()).toBe(text);
  });

  test('is no older than the answer to a repeated submit', async () => {
    const key = `k${Math.random()}`;
    const id = await newTask(api, { key });
    await get(`/tasks/${id}`);
    await bump(api.store, id, 'news');

    const again = await postJson(`${api.url}/tasks`, { type: 'noop', key });
    const read = await get(`/tasks/${id}`);

    expect(read.headers.get('etag')).toBe(again.headers.get('etag'));
    expect(await read.json()).toMatchObject({ message: 'news' });
  });

  test('has what another process has written, after a tick at the latest', async () => {
    const id = await newTask(api);
    await get(`/tasks/${id}`);

    await bump(api.store, id, 'written elsewhere');

    await eventually(
      async () => ((await (await get(`/tasks/${id}`)).json()) as { message: string }).message !== null,
    );
  });

  test('says that a task is gone, after a tick at the latest', async () => {
    const id = await newTask(api);
    await get(`/tasks/${id}`);

    await remove(api.store, id);

    const response = await eventually(async () => {
      const answer = await get(`/tasks/${id}`);
      return answer.status === 200 ? undefined : answer;
    });
    expect(response.status).toBe(404);
    expect((await problemOf(response)).type).toBe('/problems/unknown-task');
  });

  test('has the whole title, in any script', async () => {
    const title = `🎉 ${'ß'.repeat(100)} \u2028 </script>`;
    const id = await newTask(api, { title });

    for (const _again of [1, 2, 3]) expect(await (await get(`/tasks/${id}`)).json()).toMatchObject({ title });
  });
});

/** Another process on the same database. */
async function startReader(): Promise<TestApi> {
  return startApi({ changeStore: () => api.store });
}
