/** Uploads that are cut off: none is ever submitted, and soon nothing is left of them. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { IncomingFile } from '../../src/api/submitting/incoming-file.ts';
import { startApi, storedFiles, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const half = 'x'.repeat(600_000);

/** Sends the beginning of an upload and resolves when some of it is stored. */
async function beginUpload(headers: string, bytes: string): Promise<Socket> {
  const socket = connect(api.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`POST /tasks/csv-import HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n${bytes}`);
  await eventually(async () => (await storedFiles(api.store)).chunks > 0);
  return socket;
}

const nothingIsLeft = async () => {
  const { files, chunks } = await storedFiles(api.store);
  return files + chunks === 0 && (await api.store.db.prisma.taskState.count()) === 0;
};

test.each([
  ['by its length', 'Content-Type: text/csv\r\nContent-Length: 1000000', half],
  ['by its chunks', 'Content-Type: text/csv\r\nTransfer-Encoding: chunked', `927c0\r\n${half}`],
  [
    'by its boundary',
    'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000',
    `--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n${half}`,
  ],
  [
    'by its length, although the closing boundary has come',
    'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000',
    `--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n${half}\r\n--x--\r\n`,
  ],
])('a connection that is cut before the end %s leaves nothing', async (_what, headers, bytes) => {
  const socket = await beginUpload(headers, bytes);

  socket.destroy();

  await eventually(nothingIsLeft);
});

test('a broken chunk leaves nothing and is answered', async () => {
  const socket = await beginUpload(
    'Content-Type: text/csv\r\nTransfer-Encoding: chunked',
    `927c0\r\n${half}\r\n`,
  );
  const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));

  socket.write('this is no length\r\n');

  expect(await answer).toMatch(/^HTTP\/1\.1 400 /);
  await eventually(nothingIsLeft);
});

test('a complete body is submitted although the client has gone', async () => {
  const body = `a,b\n${'1,2\n'.repeat(100_000)}`;
  const head = `POST /tasks/csv-import HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: ${body.length}\r\n\r\n`;

  for (let client = 0; client < 20; client += 1) {
    const socket = connect(api.port, '127.0.0.1');
    socket.end(head + body, () => socket.destroy());
  }

  await eventually(async () => (await api.store.db.prisma.taskState.count()) === 20);
  await api.store.db.pool.query('TRUNCATE task_state, file, file_chunk');
});

// What a crash of PostgreSQL does to a chunk whose commit was not on the disk yet.
test('a file of which the database has lost a chunk meanwhile is not submitted', async () => {
  const socket = await beginUpload('Content-Type: text/csv\r\nContent-Length: 1200000', half);
  await api.store.db.pool.query('DELETE FROM file_chunk');
  const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));

  socket.write(half);

  expect(await answer).toMatch(/^HTTP\/1\.1 503 .*\r\nretry-after: /is);
  socket.destroy();
  await eventually(nothingIsLeft);
});

test('a stop cuts uploads off, and deletes them before it ends', async () => {
  await using stopped = await startApi();
  const socket = connect(stopped.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `POST /tasks/csv-import HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n\r\n${half}`,
  );
  await eventually(async () => (await storedFiles(stopped.store)).chunks > 0);

  // The rest of the body never comes.
  await stopped.stopServing();

  expect(await storedFiles(stopped.store)).toEqual({ files: 0, chunks: 0 });
});

test('a file that comes too slowly is refused before the sweep would take it for abandoned', async () => {
  const clock = vi.spyOn(performance, 'now');
  const start = performance.now();
  const incoming = new IncomingFile(api.store);
  async function* trickle() {
    for (let minute = 0; minute < 10; minute += 1) {
      clock.mockReturnValue(start + minute * 60_000);
      yield Buffer.from('a,b\n');
    }
  }

  const receiving = incoming.receive({ name: 'a.csv', contentType: 'text/csv' }, trickle(), 1000);

  await expect(receiving).rejects.toMatchObject({ body: { status: 408 } });
  clock.mockRestore();
  await incoming.drop();
  expect(await storedFiles(api.store)).toEqual({ files: 0, chunks: 0 });
});
