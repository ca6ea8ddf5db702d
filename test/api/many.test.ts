/** GET /tasks?ids= */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/tasks/model/ids.ts';
import { problemOf, startApi, type TestApi } from '../support/api.ts';
import { startClock } from '../support/clock.ts';
import { eventually } from '../support/eventually.ts';
import { startApiThroughProxy } from '../support/flaky-api.ts';
import { bump, etagAt, newTask, remove, succeed, succeedWith } from '../support/polls.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterEach(() => eventually(() => api.reading.watchers.count === 0));
afterAll(() => api.close());

interface ManyBody {
  readonly version: string;
  readonly tasks: { id: string; status: string }[];
  readonly unknown: string[];
}

const get = (ids: readonly string[], headers: Record<string, string> = {}) =>
  fetch(`${api.url}/tasks?ids=${ids.join(',')}`, { headers });
const newTasks = (count: number) => Promise.all(Array.from({ length: count }, () => newTask(api)));

describe('many tasks in one poll', () => {
  test('come in the order of the ids, each once, as their own URLs show them', async () => {
    const [a = '', b = '', c = ''] = await newTasks(3);

    const response = await get([c, a.toUpperCase(), b, a, ` ${c}`.trim()]);

    const { tasks, unknown } = (await response.json()) as ManyBody;
    expect(tasks.map((task) => task.id)).toEqual([c, a, b]);
    expect(unknown).toEqual([]);
    expect(tasks[1]).toEqual(await (await fetch(`${api.url}/tasks/${a}`)).json());
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('vary')).toBe('Accept, Prefer');
    expect(response.headers.get('retry-after')).toBe('1');
  });

  test('name the ids that no task has', async () => {
    const [id = ''] = await newTasks(1);
    const nobody = newId();

    const response = await get([nobody, id]);

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ tasks: [{ id }], unknown: [nobody] });
  });

  test('of which none exists are no error, and no reason to ask again', async () => {
    const response = await get([newId()]);

    expect(response.status).toBe(200);
    expect(response.headers.get('retry-after')).toBeNull();
  });

  test('have one validator, which changes with any of them', async () => {
    const ids = await newTasks(3);
    const etag = (await get(ids)).headers.get('etag') ?? '';
    expect((await get(ids, { 'if-none-match': etag })).status).toBe(304);
    expect((await get(ids.toReversed(), { 'if-none-match': etag })).status).toBe(200);

    await bump(api.store, ids[1] ?? '');
    const changed = await eventually(async () => {
      const response = await get(ids, { 'if-none-match': etag });
      return response.status === 200 ? response : undefined;
    });
    const next = changed.headers.get('etag') ?? '';
    await remove(api.store, ids[2] ?? '');
    await eventually(async () => (await get(ids, { 'if-none-match': next })).status === 200);
  });

  test('are read again for a client to whom another process has told of newer versions', async () => {
    const ids = await newTasks(3);
    await get(ids);
    await bump(api.store, ids[1] ?? '', 'newer');

    const response = await get(ids, { 'if-none-match': etagAt(4) });

    expect(response.status).toBe(200);
    expect(((await response.json()) as ManyBody).tasks[1]).toMatchObject({ message: 'newer' });
  });

  test('leave out a large result, which the URL of its task has', async () => {
    const [small = '', large = ''] = await newTasks(2);
    await succeed(api.store, small);
    await succeedWith(api.store, large, 20_000);

    const { tasks } = (await (await get([small, large])).json()) as ManyBody;

    expect(tasks[0]).toMatchObject({ result: { a: 1 } });
    expect(tasks[0]).not.toHaveProperty('resultOmitted');
    expect(tasks[1]).toMatchObject({ status: 'succeeded', result: null, resultOmitted: true });
    const alone = await (await fetch(`${api.url}/tasks/${large}`)).json();
    expect(alone).toMatchObject({ result: { text: 'x'.repeat(20_000) } });
    expect(alone).not.toHaveProperty('resultOmitted');
  });

  test('cannot be had as CSV', async () => {
    expect((await get([newId()], { accept: 'text/csv' })).status).toBe(406);
  });

  test('may be a hundred, which are read in one statement', async () => {
    const ids = await newTasks(100);

    expect(((await (await get(ids)).json()) as ManyBody).tasks).toHaveLength(100);
  });

  test('may be a HEAD', async () => {
    const ids = await newTasks(2);
    const response = await fetch(`${api.url}/tasks?ids=${ids.join(',')}`, { method: 'HEAD' });

    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBe((await get(ids)).headers.get('etag'));
  });
});

describe('a refused request', () => {
  test.each([
    ['nothing', 'ids='],
    ['no UUID', 'ids=abc'],
    ['one that is none among others', `ids=${newId()},${newId()}x`],
    ['a comma too many', `ids=${newId()},`],
    ['more than a hundred', `ids=${Array.from({ length: 101 }, newId).join(',')}`],
    ['two lists', `ids=${newId()}&ids=${newId()}`],
    ['SQL', `ids=${encodeURIComponent("{' OR 1=1}")}`],
  ])('%s', async (_what, query) => {
    const response = await fetch(`${api.url}/tasks?${query}`);

    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem.errors?.[0]?.path).toMatch(/^ids/);
  });

  test('has a filter beside the ids', async () => {
    const response = await fetch(`${api.url}/tasks?ids=${newId()}&status=queued`);

    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors?.[0]?.path).toBe('status');
  });

  test.each(['', '3', '3.short', 'x', '0&after=0'])(
    'asks for what comes after %j, which is no version',
    async (after) => {
      const response = await fetch(`${api.url}/tasks?ids=${newId()}&after=${after}`);

      expect(response.status).toBe(400);
      expect((await problemOf(response)).errors?.[0]?.path).toBe('after');
    },
  );
});

describe('a long poll of many', () => {
  test('has news when any of them changes', async () => {
    const ids = await newTasks(5);
    const etag = (await get(ids)).headers.get('etag') ?? '';
    const held = get(ids, { prefer: 'wait=30', 'if-none-match': etag });
    await eventually(() => api.reading.watchers.count === 1);

    await bump(api.store, ids[3] ?? '');

    const response = await held;
    expect(response.status).toBe(200);
    expect(response.headers.get('preference-applied')).toBe('wait=30');
    expect(response.headers.get('etag')).not.toBe(etag);
  });

  test('has news when one of them is gone', async () => {
    const ids = await newTasks(2);
    const held = get(ids, { prefer: 'wait=30', 'if-none-match': (await get(ids)).headers.get('etag') ?? '' });
    await eventually(() => api.reading.watchers.count === 1);

    await remove(api.store, ids[0] ?? '');

    expect(await (await held).json()).toMatchObject({ tasks: [{ id: ids[1] }], unknown: [ids[0]] });
  });

  test('whose tags are lost goes on after the version of its last answer', async () => {
    const ids = await newTasks(3);
    const { version } = (await (await get(ids)).json()) as ManyBody;
    const url = `${api.url}/tasks?ids=${ids.join(',')}&after=${version}`;
    const held = fetch(url, { headers: { prefer: 'wait=30' } });
    await eventually(() => api.reading.watchers.count === 1);

    await bump(api.store, ids[0] ?? '', 'news');

    const body = (await (await held).json()) as ManyBody;
    expect(body.tasks[0]).toMatchObject({ message: 'news' });
    expect(body.version).not.toBe(version);
  });

  test('whose tag was made by another build, and altered, is held', async () => {
    const ids = await newTasks(3);
    const { version } = (await (await get(ids)).json()) as ManyBody;
    const etag = etagAt(version).replace(/"$/, '-gzip"');
    const held = get(ids, { prefer: 'wait=30', 'if-none-match': etag });
    await eventually(() => api.reading.watchers.count === 1);

    await bump(api.store, ids[0] ?? '', 'news');

    expect((await held).status).toBe(200);
  });

  test('is answered at once if other versions have the same sum', async () => {
    const [a = '', b = ''] = await newTasks(2);
    await bump(api.store, a);
    const { version } = (await (await get([a, b])).json()) as ManyBody;
    await remove(api.store, b);
    await bump(api.store, a);
    await eventually(async () => ((await (await get([a, b])).json()) as ManyBody).version.startsWith('3.'));

    const held = fetch(`${api.url}/tasks?ids=${a},${b}&after=${version}`, { headers: { prefer: 'wait=30' } });

    expect(version).toMatch(/^3\./);
    expect(await (await held).json()).toMatchObject({ tasks: [{ id: a, version: 3 }], unknown: [b] });
  });

  test('without a version waits until the last is finished', async () => {
    const ids = await newTasks(2);
    const held = get(ids, { prefer: 'wait=30' });
    await eventually(() => api.reading.watchers.count === 1);

    for (const id of ids) await succeed(api.store, id);

    const { tasks } = (await (await held).json()) as ManyBody;
    expect(tasks.map((task) => task.status)).toEqual(['succeeded', 'succeeded']);
  });

  test('without news is told so', async () => {
    const ids = await newTasks(2);
    const etag = (await get(ids)).headers.get('etag') ?? '';
    using clock = startClock();
    const held = get(ids, { prefer: 'wait=30', 'if-none-match': etag });
    await eventually(() => api.reading.watchers.count === 1);

    clock.pass(30_000);

    expect((await held).status).toBe(304);
  });
});

test('with keys set, ids need no key, but lists do', async () => {
  await using guarded = await startApi({ config: { apiKeys: ['0123456789abcdef'] } });

  const many = await fetch(`${guarded.url}/tasks?ids=${newId()}`);
  const list = await fetch(`${guarded.url}/tasks`);

  expect([many.status, list.status]).toEqual([200, 401]);
});

test('polls of too many tasks at once are refused with a time to come back, and others are served', async () => {
  await using database = await startApiThroughProxy();
  const { own, proxy } = database;
  const id = await newTask(own);
  const ask = (count: number) =>
    fetch(`${own.url}/tasks?ids=${Array.from({ length: count }, () => newId()).join(',')}`);
  const reading = proxy.delay({ statement: 'snapshot-rows' });
  const first = ask(2);
  const held = await reading;

  const asked = Array.from({ length: 60 }, () => ask(100));
  const refused = await Promise.any(
    asked.map(async (response) => {
      const answer = await response;
      const { type } = await problemOf(answer);
      return type === '/problems/too-busy' ? answer : Promise.reject(new Error(type));
    }),
  );

  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  const alone = fetch(`${own.url}/tasks/${id}`);
  await held.deliver();
  expect((await alone).status).toBe(200);
  await Promise.all([first, ...asked]);
});
