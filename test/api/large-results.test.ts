/** Results of a megabyte, which is what a job may return. */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { newTask, succeedWith } from '../support/polls.ts';

const large = 1_000_000;

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

test('clients that ask for a large result and do not read keep no copies of it', async () => {
  const id = await newTask(api);
  await succeedWith(api.store, id, large);
  let asked = 0;
  api.server.on('request', () => {
    asked += 1;
  });
  await fetch(`${api.url}/tasks/${id}`);
  const before = process.memoryUsage().arrayBuffers;

  // More than the system buffers of an answer that nobody reads.
  const request = `GET /tasks/${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(8);
  const sockets = Array.from({ length: 60 }, () => connect(api.port, '127.0.0.1').pause());
  for (const socket of sockets) socket.write(request);
  await eventually(() => asked > 3 * sockets.length);

  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * large);
  for (const socket of sockets) socket.destroy();
});

test('a list leaves large results out', async () => {
  const id = await newTask(api);
  await succeedWith(api.store, id, large);

  const response = await fetch(`${api.url}/tasks?limit=1`);

  const { tasks } = (await response.json()) as { tasks: unknown[] };
  expect(tasks).toMatchObject([{ id, status: 'succeeded', result: null, resultOmitted: true }]);
});
