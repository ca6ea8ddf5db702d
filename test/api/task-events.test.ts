/** GET /tasks/:id/events */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { flushProgress } from '../../src/tasks/progress/flush.ts';
import { exchange, problemOf, startApi, type TestApi } from '../support/api.ts';
import { type Clock, startClock } from '../support/clock.ts';
import { EventReader } from '../support/event-reader.ts';
import { eventually } from '../support/eventually.ts';
import { bump, newTask, remove, succeed } from '../support/polls.ts';
import { runTask } from '../support/tasks.ts';

const beatMs = 15_000;

let api: TestApi;
let clock: Clock;
beforeAll(async () => {
  clock = startClock();
  api = await startApi();
});
afterEach(() => eventually(() => api.reading.watchers.count === 0));
afterAll(async () => {
  await api.close();
  clock[Symbol.dispose]();
});

/** Waits for the next beat on this stream, which has read everything. */
async function beat(stream: EventReader): Promise<void> {
  const before = stream.comments;
  clock.pass(beatMs);
  await stream.until(({ comments }) => comments > before);
}

const urlOf = (id: string, on = api) => `${on.url}/tasks/${id}/events`;
const open = (id: string, headers?: Record<string, string>) => EventReader.open(urlOf(id), headers);

describe('a stream', () => {
  test('begins with the state, tells each change, and ends with the task', async () => {
    const id = await newTask(api);
    await using stream = await open(id);
    await stream.until(({ events }) => events.length === 1);

    await bump(api.store, id, 'on its way');
    await stream.until(({ events }) => events.length === 2);
    await succeed(api.store, id);
    await stream.until(({ isClosed }) => isClosed);

    const task = await (await fetch(`${api.url}/tasks/${id}`)).json();
    expect(stream.events).toEqual([
      { event: 'task', id: '1', data: expect.objectContaining({ id, status: 'queued' }) },
      { event: 'task', id: '2', data: expect.objectContaining({ id, message: 'on its way' }) },
      { event: 'task', id: '3', data: task },
      { event: 'end', id: undefined, data: { id, status: 'succeeded' } },
    ]);
  });

  test('tells progress when it is written, long before the next tick', async () => {
    await using slow = await startApi({ tickMs: 3_600_000 });
    const { taskId: id, workerId, attempt } = await runTask(slow.store);
    await using stream = await EventReader.open(urlOf(id, slow));
    await stream.until(({ events }) => events.length === 1);

    const report = { ...emptyReport, message: 'half-way' };
    await flushProgress(slow.store, workerId, [{ taskId: id, attempt, report }]);

    await stream.until(({ events }) => events.length === 2);
    expect(stream.events[1]?.data).toMatchObject({ id, message: 'half-way' });
  });

  test('tells proxies to pass it on at once, and clients when to come back', async () => {
    const id = await newTask(api);
    await using stream = await open(id);
    await stream.until(({ retryMs }) => retryMs !== undefined);

    const { status, headers } = stream.response;
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/event-stream');
    expect(headers.get('cache-control')).toBe('no-store, no-transform');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(headers.get('content-length')).toBeNull();
    expect(stream.retryMs).toBeGreaterThanOrEqual(2_000);
    expect(stream.retryMs).toBeLessThanOrEqual(3_000);
  });

  test('sends comments while nothing happens', async () => {
    const id = await newTask(api);
    await using stream = await open(id);

    for (const _beat of [1, 2, 3]) await beat(stream);

    expect(stream.names).toEqual(['task']);
  });

  test('of a finished task is its state and the end', async () => {
    const id = await newTask(api);
    await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });

    await using stream = await open(id);
    await stream.until(({ isClosed }) => isClosed);

    expect(stream.names).toEqual(['task', 'end']);
    expect(stream.events[0]?.data).toMatchObject({ status: 'cancelled' });
  });

  test('tells that the task is gone, and ends', async () => {
    const id = await newTask(api);
    await using stream = await open(id);
    await stream.until(({ events }) => events.length === 1);

    await remove(api.store, id);
    await stream.until(({ isClosed }) => isClosed);

    expect(stream.events.at(-1)).toEqual({ event: 'gone', id: undefined, data: { id } });
  });

  test('ends when the service stops; one that is opened then ends soon', async () => {
    await using stopping = await startApi();
    const id = await newTask(stopping);
    await using stream = await EventReader.open(urlOf(id, stopping));
    await stream.until(({ events }) => events.length === 1);

    stopping.reading.release();
    await stream.until(({ isClosed }) => isClosed);

    await using late = await EventReader.open(urlOf(id, stopping));
    clock.pass(1_000);
    await late.until(({ isClosed }) => isClosed);
    expect([stream.names, late.names]).toEqual([['task'], ['task']]);
    expect(stopping.reading.watchers.count).toBe(0);
  });

  test('is forgotten when the client leaves', async () => {
    const id = await newTask(api);
    const stream = await open(id);
    await eventually(() => api.reading.watchers.count === 1);

    await stream[Symbol.asyncDispose]();

    await eventually(() => api.reading.watchers.count === 0);
  });

  test('reaches a client of HTTP/1.0 event by event', async () => {
    const id = await newTask(api);
    const answer = exchange(api.port, `GET /tasks/${id}/events HTTP/1.0\r\nHost: localhost\r\n\r\n`);
    await eventually(() => api.reading.watchers.count === 1);

    await succeed(api.store, id);

    const text = await answer;
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(text.match(/^event: .*/gm)).toEqual(['event: task', 'event: task', 'event: end']);
  });
});

describe('a client that comes back', () => {
  test.each([
    ['with the version that there is hears of the next', () => '1', [], 2],
    ['with an older version gets the state', () => '0', ['task'], 2],
    ['with a version that nobody has gets the state', () => '4000000000', ['task'], 2],
    ['with what is no version gets the state', () => '1; DROP', ['task'], 2],
    ['with very many digits gets the state', () => '1'.repeat(400), ['task'], 2],
  ])('%s', async (_what, header, before, next) => {
    const id = await newTask(api);
    await using stream = await open(id, { 'last-event-id': header() });
    await eventually(() => api.reading.watchers.count === 1);
    await beat(stream);
    expect(stream.names).toEqual(before);

    await bump(api.store, id);

    await stream.until(({ events }) => events.at(-1)?.id === String(next));
    expect(stream.of('task')).toHaveLength(before.length + 1);
  });

  test('from another process, with a version that this process does not know yet, is not told it again', async () => {
    const id = await newTask(api);
    await fetch(`${api.url}/tasks/${id}`);
    const version = await bump(api.store, id);

    await using stream = await open(id, { 'last-event-id': String(version) });
    await beat(stream);

    expect(stream.events).toEqual([]);
  });

  test('after the end is told to stay away', async () => {
    const id = await newTask(api);
    await succeed(api.store, id);
    await using stream = await open(id);
    await stream.until(({ isClosed }) => isClosed);
    const seen = stream.of('task')[0]?.id ?? '';

    const response = await fetch(urlOf(id), { headers: { 'last-event-id': seen } });

    expect(response.status).toBe(204);
    expect(response.headers.has('content-length')).toBe(false);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test('after the end of a task that was then retried is told how it went on', async () => {
    const id = await newTask(api);
    await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });
    await fetch(`${api.url}/tasks/${id}/retry`, { method: 'POST' });

    await using stream = await open(id, { 'last-event-id': '2' });
    await stream.until(({ events }) => events.length === 1);

    expect(stream.events[0]).toMatchObject({ event: 'task', id: '3', data: { status: 'queued' } });
  });
});

describe('what is refused', () => {
  test.each([
    ['01a20ada-0000-7000-8000-000000000000', 404, '/problems/unknown-task'],
    ['nonsense', 400, '/problems/invalid-request'],
  ])('%s', async (id, status, type) => {
    const response = await fetch(urlOf(id));

    expect([response.status, (await problemOf(response)).type]).toEqual([status, type]);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });
});

test('HEAD gets the head of the stream, and does not wait', async () => {
  const id = await newTask(api);

  const response = await fetch(urlOf(id), { method: 'HEAD' });

  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(api.reading.watchers.count).toBe(0);
});

describe('a client that does not keep up', () => {
  const big = 500_000;
  const changeResult = async (id: string, number: number, length = big) => {
    await api.store.db.pool.query(
      `UPDATE task_state SET version = version + 1, message = $2, result = to_jsonb(repeat('x', $3)) WHERE id = $1`,
      [id, `number ${number}`, length],
    );
  };

  test('and reads nothing is dropped, while others get everything and memory does not grow', async () => {
    const id = await newTask(api);
    const stuck = await Promise.all(Array.from({ length: 20 }, () => stuckClient(id)));
    await using well = await open(id);
    await eventually(() => api.reading.watchers.count === 21);
    globalThis.gc?.();
    const before = process.memoryUsage().arrayBuffers;

    for (let number = 1; number <= 12; number += 1) {
      await changeResult(id, number);
      await well.until(({ events }) => events.at(-1)?.data.message === `number ${number}`);
    }

    // For each of the twenty streams: at most what is on its way, and one more event. Events are shared.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000);
    await beat(well);
    expect(api.reading.watchers.count).toBe(21);
    await beat(well);
    await eventually(() => api.reading.watchers.count === 1);
    for (const client of stuck) client.leave();
    expect(well.isClosed).toBe(false);
  });

  test('but still reads gets the newest state', async () => {
    const id = await newTask(api);
    const socket = await stuckClient(id);
    await eventually(() => api.reading.watchers.count === 1);
    await using well = await open(id);
    for (let number = 1; number <= 14; number += 1) {
      // Together more than the buffers of both sockets ever hold, which the kernel makes as large as 10 MB.
      await changeResult(id, number, 4 * big);
      await well.until(({ events }) => events.at(-1)?.data.message === `number ${number}`);
      // Reads something, but much less than is sent.
      socket.read(150_000);
    }

    await succeed(api.store, id);
    const text = await socket.readAll();

    const versions = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
    expect(versions.at(-1)).toBe(16);
    expect(versions.length).toBeLessThan(16);
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    expect(text).toMatch(/event: end\n/);
  });

  test('and never reads the end is dropped as well', async () => {
    const id = await newTask(api);
    await api.store.db.pool.query(
      `UPDATE task_state SET version = version + 1, message = repeat('x', $2) WHERE id = $1`,
      [id, 30 * big],
    );
    const stuck = await stuckClient(id);
    await eventually(() => api.reading.watchers.count === 1);

    await fetch(`${api.url}/tasks/${id}/cancel`, { method: 'POST' });

    await eventually(
      () => {
        clock.pass(beatMs);
        return api.reading.watchers.count === 0;
      },
      { intervalMs: 300 },
    );
    stuck.leave();
  });
});

interface StuckClient {
  /** Reads at most this many bytes. */
  read(bytes: number): void;
  readAll(): Promise<string>;
  leave(): void;
}

/** Asks for a stream, and reads from it only when it is told to. */
async function stuckClient(id: string): Promise<StuckClient> {
  const socket: Socket = connect(api.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET /tasks/${id}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  let text = '';
  return {
    read(bytes) {
      while (bytes > 0) {
        const chunk = socket.read() as Buffer | null;
        if (chunk === null) return;
        text += chunk.toString('latin1');
        bytes -= chunk.length;
      }
    },
    async readAll() {
      for await (const chunk of socket) text += (chunk as Buffer).toString('latin1');
      return text;
    },
    leave: () => socket.destroy(),
  };
}
