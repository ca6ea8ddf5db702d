/** GET /groups/:group/events */
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { EventReader } from '../support/event-reader.ts';
import { eventually } from '../support/eventually.ts';
import { groupUrl } from '../support/group-polls.ts';
import { openConnection } from '../support/locks.ts';
import { bump, insertTask, insertTasks, newTask, remove, succeed } from '../support/polls.ts';

let api: TestApi;
beforeAll(async () => {
  // No member is looked up again by itself, unless a test wants it.
  api = await startApi({ lookAgainMs: 3_600_000 });
});
afterEach(() => eventually(() => api.reading.watchers.count === 0));
afterAll(() => api.close());

let groups = 0;
const newGroup = () => `group ${++groups}`;
const eventsOf = (group: string) => `${groupUrl(api, group)}/events`;
const join = (group: string) => newTask(api, { group });

describe('the stream of a group', () => {
  test('begins with all states, oldest first, and tells every change', async () => {
    const group = newGroup();
    const [first, second] = [await join(group), await join(group)];
    await using stream = await EventReader.open(eventsOf(group), { 'last-event-id': '1' });
    await stream.until(({ events }) => events.length === 2);
    expect(stream.events.map(({ data }) => data.id)).toEqual([first, second]);

    await bump(api.store, second, 'news');
    await stream.until(({ events }) => events.length === 3);
    await succeed(api.store, first);
    await stream.until(({ events }) => events.length === 4);

    expect(stream.events.slice(2)).toMatchObject([
      { event: 'task', data: { id: second, message: 'news' } },
      { event: 'task', data: { id: first, status: 'succeeded' } },
    ]);
    expect(stream.isClosed).toBe(false);
    expect(stream.response.headers.get('x-accel-buffering')).toBe('no');
  });

  test('tells of tasks that join, in this process or in another one', async () => {
    const group = newGroup();
    await using stream = await EventReader.open(eventsOf(group));
    await eventually(() => api.reading.watchers.count === 1);

    const here = await join(group);
    await stream.until(({ events }) => events.length === 1);
    const elsewhere = await insertTask(api.store.db.pool, group);
    await stream.until(({ events }) => events.length === 2);

    expect(stream.events.map(({ data }) => data.id)).toEqual([here, elsewhere]);
  });

  test('tells of a task that joined in a transaction that commits five seconds later', async () => {
    const group = newGroup();
    await using client = await openConnection(api.store);
    await using stream = await EventReader.open(eventsOf(group));
    await client.query('BEGIN');
    const id = await insertTask(client, group);
    const other = await insertTask(api.store.db.pool, group);
    await stream.until(({ events }) => events.length === 1);

    await client.query(
      `UPDATE task_state SET created_at = clock_timestamp() - interval '5 seconds' WHERE id = $1`,
      [id],
    );
    await client.query('COMMIT');

    await stream.until(({ events }) => events.length === 2);
    expect(stream.events.map(({ data }) => data.id)).toEqual([other, id]);
  });

  test('tells of a task that joined in a transaction that committed too late for the usual look back', async () => {
    await using patient = await startApi({ lookAgainMs: 100 });
    await using stream = await EventReader.open(`${patient.url}/groups/g/events`);
    await eventually(() => patient.reading.watchers.count === 1);
    const id = await insertTask(patient.store.db.pool, 'other');

    await patient.store.db.pool.query(
      `UPDATE task_state SET group_label = 'g', created_at = now() - interval '1 hour' WHERE id = $1`,
      [id],
    );

    await stream.until(({ events }) => events.length === 1);
    expect(stream.events[0]?.data.id).toBe(id);
  });

  test('tells of tasks that are gone', async () => {
    const group = newGroup();
    const id = await join(group);
    await using stream = await EventReader.open(eventsOf(group));
    await stream.until(({ events }) => events.length === 1);

    await remove(api.store, id);
    await stream.until(({ events }) => events.length === 2);

    expect(stream.events[1]).toEqual({ event: 'gone', id: undefined, data: { id } });
  });

  test('tells of hundreds at once in a few pieces', async () => {
    const group = newGroup();
    await insertTasks(api.store, group, 500);
    const socket = connect(api.port, '127.0.0.1');
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    const told = () => text.match(/^event: task$/gm)?.length ?? 0;

    socket.write(`GET ${new URL(eventsOf(group)).pathname} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await eventually(() => told() === 500);
    await api.store.db.pool.query('UPDATE task_state SET version = version + 1 WHERE group_label = $1', [
      group,
    ]);
    await eventually(() => told() === 1_000);

    // Each piece begins with its length.
    expect(text.match(/^[0-9a-f]+\r$/gm)?.length).toBeLessThan(50);
    socket.destroy();
  });

  test('ends when the service stops', async () => {
    await using stopping = await startApi();
    await using stream = await EventReader.open(`${stopping.url}/groups/x/events`);
    await eventually(() => stopping.reading.watchers.count === 1);

    stopping.reading.release();

    await stream.until(({ isClosed }) => isClosed);
  });

  test('has a head', async () => {
    const response = await fetch(eventsOf(newGroup()), { method: 'HEAD' });

    expect(response.headers.get('content-type')).toBe('text/event-stream');
  });
});
