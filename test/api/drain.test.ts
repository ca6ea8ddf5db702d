/**
 * How the server stops: open requests are answered, idle connections closed, and no client asks in a loop.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { monotonicMs } from '../../src/scheduling/monotonic.ts';
import { postJson, startApi, storedFiles, type TestApi, taskOf } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

const never = new AbortController().signal;
const csvHead = (length: number) =>
  `POST /tasks/csv-import?dataset=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: ${length}\r\n\r\n`;

test('a client that waits is answered with the current state, and told that the connection ends', async () => {
  await using api = await startApi();
  const { id, etag } = await newTask(api);
  await using held = await Client.open(api, poll(id, `Prefer: wait=60\r\nIf-None-Match: ${etag}\r\n`));
  await using plain = await Client.open(api, poll(id, 'Prefer: wait=60\r\n'));
  await eventually(() => api.reading.watchers.count === 2);

  stop(api);
  await Promise.all([held.isClosed, plain.isClosed]);

  expect(held.received).toMatch(/^HTTP\/1\.1 304 .*\r\nConnection: close\r\n/s);
  expect(plain.received).toMatch(/^HTTP\/1\.1 200 .*\r\nConnection: close\r\n.*"status":"queued"/s);
});

test('streams end, and their connections with them', async () => {
  await using api = await startApi();
  const { id } = await newTask(api);
  await using stream = await Client.open(api, `GET /tasks/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await eventually(() => stream.received.includes('event: task'));

  stop(api);
  await stream.isClosed;

  expect(stream.received).toMatch(/\r\n0\r\n\r\n$/);
});

test('while it drains, it serves old and new connections, one request each, and takes tasks', async () => {
  await using api = await startApi();
  const { id } = await newTask(api);
  await using old = await Client.open(api, poll(id));
  await eventually(() => old.received.includes('"queued"'));

  stop(api);
  const submitted = await postJson(`${api.url}/tasks`, { type: 'noop' });
  const page = await fetch(`${api.url}/tasks/${id}`, { headers: { accept: 'text/html' } });
  old.received = '';
  old.socket.write(poll(id));
  await old.isClosed;

  expect([submitted.status, page.status]).toEqual([202, 200]);
  expect(submitted.headers.get('connection')).toBe('close');
  expect(page.headers.get('connection')).toBe('close');
  expect(old.received).toMatch(/^HTTP\/1\.1 200 .*\r\nConnection: close\r\n/s);
});

test('clients that always ask again at once do not ask in a fast loop', async () => {
  await using api = await startApi();
  const { id, etag } = await newTask(api);
  stop(api);
  const headers = { prefer: 'wait=30', 'if-none-match': etag, accept: 'application/json' };

  const startedMs = performance.now();
  const response = await fetch(`${api.url}/tasks/${id}`, { headers });

  expect(response.status).toBe(304);
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_000);
});

test('a refusal in the middle of a body is read by a client that is still sending', async () => {
  await using api = await startApi({ config: { maxUploadBytes: 1_000 } });
  stop(api);
  await using client = await Client.open(api, csvHead(50_000_000) + 'x'.repeat(100_000));

  await eventually(() => client.received.startsWith('HTTP/1.1 413 '));

  expect(client.received).not.toContain('Connection: close');
});

test('an upload in flight is received to its end, and answered', async () => {
  await using api = await startApi();
  const body = `a,b\n${'1,2\n'.repeat(1_000)}`;
  await using client = await Client.open(api, csvHead(body.length) + body.slice(0, 100));
  await eventually(async () => (await storedFiles(api.store)).files === 1);

  stop(api);
  const { finished, endSending } = finish(api);
  await eventually(() => refuses(api));
  client.socket.write(body.slice(100, 2_000));
  endSending();
  client.socket.write(body.slice(2_000));
  await finished;

  await client.isClosed;
  expect(client.received).toMatch(/^HTTP\/1\.1 202 .*\r\nConnection: close\r\n/s);
  expect(await api.store.db.prisma.taskState.count()).toBe(1);
});

test('what does not end by itself is cut: after the grace, or at once when the signal aborts', async () => {
  await using api = await startApi();
  await using upload = await Client.open(api, `${csvHead(1_000)}a,b\n`);
  await using silent = await Client.open(api, '');
  await using half = await Client.open(api, 'GET / HTT');
  await eventually(async () => (await storedFiles(api.store)).files === 1);
  const hurry = new AbortController();
  stop(api);

  const { finished, endSending } = finish(api, hurry.signal);
  await silent.isClosed;
  expect(half.socket.closed).toBe(false);
  endSending();
  await half.isClosed;
  expect(upload.socket.closed).toBe(false);
  hurry.abort();
  await finished;
  await api.stopServing();

  expect(upload.received).toBe('');
  expect(await storedFiles(api.store)).toEqual({ files: 0, chunks: 0 });
});

test('an upload that does not end is cut after the grace', async () => {
  await using api = await startApi();
  await using upload = await Client.open(api, `${csvHead(1_000)}a,b\n`);
  await eventually(async () => (await storedFiles(api.store)).files === 1);
  stop(api);

  const { finished, endSending, endGrace } = finish(api);
  endSending();
  endGrace();
  await finished;

  await upload.isClosed;
  expect(upload.received).toBe('');
});

test('a client that does not read its answers is cut before requests that are being received', async () => {
  await using api = await startApi();
  const ids = await Promise.all(Array.from({ length: 20 }, () => newTask(api)));
  const query = ids.map(({ id }) => id).join(',');
  const request = `GET /tasks?ids=${query} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n`;
  const connected = once(api.server, 'connection') as Promise<[Socket]>;
  await using stuck = await Client.open(api, '');
  const [connection] = await connected;
  stuck.socket.pause();
  stuck.socket.write(request.repeat(1_000));
  await isStuck(connection);
  stop(api);

  const { finished, endSending } = finish(api);
  endSending();
  await finished;

  expect(connection.destroyed).toBe(true);
});

test('closes at once if nothing is in flight', async () => {
  await using api = await startApi();
  const { id } = await newTask(api);
  await using idle = await Client.open(api, poll(id));
  await eventually(() => idle.received.includes('"queued"'));
  stop(api);

  const { finished } = finish(api);

  await finished;
  await idle.isClosed;
});

function stop(api: TestApi): void {
  api.drain.begin();
  api.reading.release();
}

interface Finish {
  readonly finished: Promise<void>;
  /** The time is up for answers that are being sent. */
  endSending(): void;
  /** The time is up for everything. */
  endGrace(): void;
}

/** Closes with a grace of a minute; the test ends each time limit by hand. */
function finish({ drain }: TestApi, signal = never): Finish {
  using timers = vi.spyOn(globalThis, 'setTimeout').mockReturnValue({} as NodeJS.Timeout);
  const finished = drain.finish({ untilMs: monotonicMs() + 60_000, signal });
  const [endSending, endGrace] = timers.mock.calls.map(([call]) => call);
  if (!endSending || !endGrace) throw new Error('it sets a time for answers, and one for the rest');
  return { finished, endSending, endGrace };
}

/** Resolves when what was written to a connection has stopped leaving, as nobody reads it. */
async function isStuck(connection: Socket): Promise<void> {
  const left: string[] = [];
  await eventually(() => {
    const { bytesWritten, writableLength } = connection;
    left.push(`${bytesWritten} ${writableLength}`);
    return writableLength > 0 && left.length > 5 && new Set(left.slice(-5)).size === 1;
  });
}

async function newTask(api: TestApi): Promise<{ id: string; etag: string }> {
  const { id } = await taskOf(await postJson(`${api.url}/tasks`, { type: 'noop' }));
  const response = await fetch(`${api.url}/tasks/${id}`, { headers: { accept: 'application/json' } });
  await response.text();
  return { id, etag: response.headers.get('etag') ?? '' };
}

function poll(id: string, headers = ''): string {
  return `GET /tasks/${id} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n${headers}\r\n`;
}

function refuses(api: TestApi): Promise<boolean> {
  return fetch(api.url).then(
    () => false,
    () => true,
  );
}

/** One connection, and what has come over it. */
class Client implements AsyncDisposable {
  readonly socket: Socket;
  readonly isClosed: Promise<unknown>;
  received = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    this.isClosed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('data', (chunk) => {
      this.received += chunk;
    });
    socket.on('error', () => undefined);
  }

  static async open({ port }: TestApi, request: string): Promise<Client> {
    const client = new Client(connect(port, '127.0.0.1'));
    await once(client.socket, 'connect');
    client.socket.write(request);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.isClosed;
  }
}
