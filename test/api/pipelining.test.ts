/** Clients that send requests without waiting for the answers to those before. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { areHeld, etagOf, openSocket } from '../support/held-polls.ts';
import { bump, newTask, succeedWith } from '../support/polls.ts';

let api: TestApi;
let id: string;
/** The requests that the server has begun since the test started. */
let taken: ServerResponse[] = [];
const onRequest = (_request: IncomingMessage, response: ServerResponse) => void taken.push(response);
const sockets: Socket[] = [];

beforeAll(async () => {
  api = await startApi();
  api.server.prependListener('request', onRequest);
});
beforeEach(async () => {
  id = await newTask(api);
  taken = [];
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await areHeld(api, 0);
});
afterAll(() => api.close());

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
const heldPoll = async () =>
  get(`/tasks/${id}`, `Prefer: wait=60\r\nIf-None-Match: ${await etagOf(api, id)}\r\n`);

/** A connection, and the bytes that it has received. */
async function client(): Promise<{ socket: Socket; text: () => string }> {
  const socket = await openSocket(api);
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  return { socket, text: () => text };
}

async function serveOthers(): Promise<void> {
  for (let round = 0; round < 10; round += 1) expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
}

const answersIn = (text: string) => text.match(/HTTP\/1\.1 \d+/g) ?? [];

describe('requests that come together', () => {
  test('are all answered, each in its turn, however they are cut', async () => {
    const { socket, text } = await client();
    const paths = Array.from({ length: 600 }, (_, number) =>
      number % 3 === 0 ? `/tasks/${id}` : `/no/${number}`,
    );
    const bytes = Buffer.from(paths.map((path) => get(path)).join(''));

    for (let at = 0; at < bytes.length; at += 10_007) socket.write(bytes.subarray(at, at + 10_007));

    await eventually(() => answersIn(text()).length === 600);
    expect(answersIn(text())).toEqual(paths.map((path) => `HTTP/1.1 ${path.startsWith('/no') ? 404 : 200}`));
  });

  test('are worked on one at a time', async () => {
    const { socket, text } = await client();

    socket.write((await heldPoll()) + get('/healthz').repeat(10));

    await areHeld(api, 1);
    await eventually(() => taken.length === 11 + 1);
    expect(taken.filter(({ headersSent }) => headersSent)).toHaveLength(1);
    expect(text()).toBe('');
    await bump(api.store, id);
    await eventually(() => answersIn(text()).length === 11);
  });

  test('are read no further when many wait, and all answered in the end', async () => {
    const count = 40_000;
    const bytes = (await heldPoll()) + get('/healthz').repeat(count);
    const [first, second] = [await client(), await client()];

    first.socket.write(bytes);
    await areHeld(api, 1);
    await eventually(() => taken.length > 33);
    // What it has sent is in this machine, or on its way: others are served in the meantime.
    await serveOthers();
    // One read, as Node makes it.
    expect(taken.length).toBeLessThan(65_536 / get('/healthz').length + 50);
    // Once there was one like that, others are not even read so far.
    taken.length = 0;
    second.socket.write(bytes);
    await areHeld(api, 2);
    await eventually(() => taken.length > 33);
    await serveOthers();
    expect(taken.length).toBeLessThan(33 + 150 + 20);

    await bump(api.store, id);
    for (const { text } of [first, second]) await eventually(() => answersIn(text()).length === count + 1);
  });

  test('are let wait while their client takes no answers', async () => {
    await succeedWith(api.store, id, 900_000);
    const { socket, text } = await client();
    socket.pause();
    const count = 60;

    socket.write(get(`/tasks/${id}`).repeat(count));
    await eventually(() => taken.length > 30);
    await serveOthers();

    // Some megabytes are on their way, in the buffers of this machine.
    expect(taken.filter(({ headersSent }) => headersSent).length).toBeLessThan(10 + count / 2);
    expect(taken.filter(({ writableLength }) => writableLength > 0).length).toBeLessThanOrEqual(1);
    socket.resume();
    await eventually(() => answersIn(text()).length === count);
  });

  test('on very many connections are bounded in all: those are cut, and others served', async () => {
    const held = await heldPoll();
    const clients = await Promise.all(Array.from({ length: 120 }, () => client()));

    for (const { socket } of clients) socket.write(held + get('/healthz').repeat(150));

    await eventually(() => clients.some(({ socket }) => socket.destroyed));
    expect(
      taken.filter(({ socket, req }) => socket === null && !req.socket.destroyed).length,
    ).toBeLessThanOrEqual(10_000);
    expect((await fetch(`${api.url}/tasks/${id}`)).status).toBe(200);
  });
});

test('what is no HTTP is told so after the answers to what was', async () => {
  const { socket, text } = await client();

  socket.write(`${get('/healthz')}rubbish\r\n\r\n${'x'.repeat(50_000)}`);

  await eventually(() => socket.destroyed);
  expect(answersIn(text())[0]).toBe('HTTP/1.1 200');
});
