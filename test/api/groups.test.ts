/** GET /groups/:group */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { exchange, problemOf, startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { type GroupBody, getGroup, groupBody } from '../support/group-polls.ts';
import { bump, etagAt, insertTasks, newTask, remove, succeedWith } from '../support/polls.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterEach(() => eventually(() => api.reading.watchers.count === 0));
afterAll(() => api.close());

let groups = 0;
const newGroup = () => `group ${++groups}`;
const join = (group: string) => newTask(api, { group });

describe('a group', () => {
  test('has all of its tasks, newest first, with their numbers by status', async () => {
    const group = newGroup();
    const first = await join(group);
    const second = await join(group);
    await newTask(api);
    await fetch(`${api.url}/tasks/${first}/cancel`, { method: 'POST' });

    const response = await getGroup(api, group);

    expect(await response.json()).toMatchObject({
      group,
      counts: { queued: 1, running: 0, succeeded: 0, failed: 0, cancelled: 1 },
      tasks: [
        { id: second, status: 'queued' },
        { id: first, status: 'cancelled' },
      ],
      links: { self: `/groups/group%20${groups}`, events: `/groups/group%20${groups}/events` },
    });
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    expect(response.headers.get('vary')).toBe('Accept, Prefer');
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('without tasks is empty and no error, as tasks may come', async () => {
    const response = await getGroup(api, newGroup());

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ tasks: [] });
    expect(response.headers.get('retry-after')).toBe('10');
  });

  test('has one validator, which changes with each task, and with the set of tasks', async () => {
    const group = newGroup();
    const tags = new Set<string | null>();
    const look = async () => {
      const { headers } = await getGroup(api, group);
      const before = tags.size;
      tags.add(headers.get('etag'));
      return tags.size > before;
    };
    await look();

    const id = await join(group);
    await eventually(look);
    expect((await getGroup(api, group, { 'if-none-match': [...tags].at(-1) ?? '' })).status).toBe(304);
    await bump(api.store, id);
    await eventually(look);
    const other = await join(group);
    await eventually(look);
    await remove(api.store, id);
    await eventually(look);

    expect((await groupBody(api, group)).tasks.map((task) => task.id)).toEqual([other]);
  });

  test('is read again for a client to whom another process has told of newer versions', async () => {
    const group = newGroup();
    const id = await join(group);
    await join(group);
    await getGroup(api, group);
    await bump(api.store, id, 'newer');

    const response = await getGroup(api, group, { 'if-none-match': etagAt(3) });

    expect(response.status).toBe(200);
    expect((await response.json()) as GroupBody).toMatchObject({ tasks: [{}, { message: 'newer' }] });
  });

  test('leaves out results that are large', async () => {
    const group = newGroup();
    const id = await join(group);
    await succeedWith(api.store, id, 20_000);

    const body = await groupBody(api, group);

    expect(body.tasks).toMatchObject([{ id, status: 'succeeded', result: null, resultOmitted: true }]);
  });

  test('may be a page', async () => {
    const group = newGroup();
    await join(group);

    const response = await getGroup(api, group, { accept: 'text/html' });

    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    expect(response.headers.get('etag')).toBeNull();
  });

  test('has at once what this process submits, also during its first read', async () => {
    const group = newGroup();
    const [body, id] = await Promise.all([groupBody(api, group), join(group)]);
    expect(body.tasks.length).toBeLessThanOrEqual(1);

    expect((await groupBody(api, group)).tasks.map((task) => task.id)).toEqual([id]);
  });

  test.each([
    'a/b',
    '100%',
    '%2F',
    '%zz',
    'Ünïcode 🎉 グループ',
    '..',
    'a?b#c&d=e+f',
    '"quoted" \\ <b>',
    "'; DROP TABLE task_state; --",
    '\u00e9',
    'e\u0301',
    '🎉'.repeat(100),
    '\u{FFFD}',
    '\u2028',
  ])('may be called %s', async (group) => {
    const id = await join(group);
    // A client's URL would leave out two dots.
    const path = `/groups/${encodeURIComponent(group)}`;

    const answer = await exchange(
      api.port,
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );

    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    const body = JSON.parse(answer.split('\r\n\r\n')[1] ?? '') as GroupBody;
    expect(body.group).toBe(group);
    expect(body.tasks.map((task) => task.id)).toEqual([id]);
    expect(body.links.self).toBe(path);
  });

  test.each([
    ['/groups/', 404, 'The URL does not say which group: its name follows /groups/.'],
    [`/groups/${'a'.repeat(201)}`, 400, 'No group has such a name: names have at most 200 characters'],
    ['/groups/a%00b', 400, 'No group has such a name: names have at most 200 characters'],
    ['/groups/%ff', 400, 'The URL is not well-formed'],
  ])('cannot be called %.30s', async (path, status, words) => {
    const response = await fetch(`${api.url}${path}`);

    expect(response.status).toBe(status);
    expect((await problemOf(response)).detail).toContain(words);
  });

  test('of more than a thousand tasks has the newest thousand, and a link to all', async () => {
    const group = newGroup();
    await api.store.db.pool.query(
      `INSERT INTO task_state (id, type, group_label, title, input, input_digest, max_attempts, entry_id, created_at)
       SELECT gen_random_uuid(), 'noop', $1, number::text, '{}', 'x', 1, gen_random_uuid(), now() - make_interval(secs => 2000 - number)
       FROM generate_series(1, 1100) AS number`,
      [group],
    );
    const titles = async () => {
      const body = (await (await getGroup(api, group)).json()) as {
        tasks: { title: string }[];
        links: { all?: string };
      };
      return {
        all: body.links.all,
        count: body.tasks.length,
        first: body.tasks[0]?.title,
        last: body.tasks.at(-1)?.title,
      };
    };
    const all = `/tasks?group=group%20${groups}`;
    expect(await titles()).toEqual({ all, count: 1000, first: '1100', last: '101' });

    const etag = (await getGroup(api, group)).headers.get('etag');
    await join(group);

    expect(await titles()).toEqual({ all, count: 1000, first: 'noop', last: '102' });
    expect((await getGroup(api, group)).headers.get('etag')).not.toBe(etag);
  });

  test('of more than a thousand tasks of the same moment has the thousand with which a list begins', async () => {
    const group = newGroup();
    await insertTasks(api.store, group, 1_001);
    await getGroup(api, group);

    await join(group);

    const ids = (await groupBody(api, group)).tasks.map(({ id }) => id);
    const list = await fetch(`${api.url}/tasks?limit=100&group=${encodeURIComponent(group)}`);
    expect(ids.slice(0, 100)).toEqual(((await list.json()) as GroupBody).tasks.map(({ id }) => id));
  });
});

test('with keys set, a group needs a key, and its tasks do not', async () => {
  await using guarded = await startApi({ config: { apiKeys: ['0123456789abcdef'] } });
  const authorization = 'Bearer 0123456789abcdef';
  const ask = async (path: string, headers = {}) => {
    const control = new AbortController();
    const response = await fetch(`${guarded.url}${path}`, { headers, signal: control.signal });
    control.abort();
    return response.status;
  };
  const submitted = await fetch(`${guarded.url}/tasks`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{"type":"noop","group":"g"}',
  });
  const { id } = (await submitted.json()) as { id: string };

  expect([await ask('/groups/g'), await ask('/groups/g/events')]).toEqual([401, 401]);
  expect([
    await ask('/groups/g', { authorization }),
    await ask('/groups/g/events', { authorization }),
  ]).toEqual([200, 200]);
  expect([await ask(`/tasks/${id}`), await ask(`/tasks/${id}/events`)]).toEqual([200, 200]);
});
