/** GET /tasks: lists of tasks. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { postJson, problemOf, startApi, type TestApi } from '../support/api.ts';
import { submit } from '../support/service.ts';
import type { TaskBody } from '../support/task-states.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.store.db.pool.query('TRUNCATE task_state');
});

interface ListBody {
  readonly tasks: TaskBody[];
  readonly links: { readonly next?: string };
}

async function list(path: string): Promise<ListBody> {
  const response = await fetch(`${api.url}${path}`);
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text) as ListBody;
}

/** The ids of all pages, by the links from each to the next. */
async function walk(path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const { tasks, links }: ListBody = await list(next);
    pages.push(tasks.map(({ id }) => id));
    next = links.next;
  }
  return pages;
}

/** Newest first. */
async function submitMany(count: number, options: { type?: string; group?: string } = {}): Promise<string[]> {
  const { type = 'noop', group } = options;
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.unshift((await submit(api.store, type, { n }, { group })).id);
  return ids;
}

describe('a list', () => {
  test('shows tasks as their own URLs do, newest first', async () => {
    const ids = await submitMany(3);

    const response = await fetch(`${api.url}/tasks`);

    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    expect(response.headers.get('vary')).toBe('Accept');
    expect(response.headers.get('link')).toBeNull();
    const own = await Promise.all(
      ids.map(async (id) => (await (await fetch(`${api.url}/tasks/${id}`)).json()) as TaskBody),
    );
    expect(await response.json()).toEqual({ tasks: own, links: {} });
  });

  test('has also tasks that are kept for ever, and so has the home page', async () => {
    const [id] = await submitMany(1);
    await api.store.db.pool.query(`UPDATE task_state SET expires_at = 'infinity'`);

    const { tasks } = await list('/tasks');
    const home = await fetch(api.url, { headers: { accept: 'text/html' } });

    expect(tasks).toMatchObject([{ id, expiresAt: null }]);
    expect(home.status).toBe(200);
  });

  test('has 50 tasks on a page, or as many as asked for', async () => {
    const ids = await submitMany(51);

    expect((await walk('/tasks')).map((page) => page.length)).toEqual([50, 1]);
    expect((await walk('/tasks?limit=')).map((page) => page.length)).toEqual([50, 1]);
    expect((await walk('/tasks?limit=20')).map((page) => page.length)).toEqual([20, 20, 11]);
    expect((await walk('/tasks?limit=17')).flat()).toEqual(ids);
    expect(await walk('/tasks?limit=100')).toEqual([ids]);
  });

  test('may be empty', async () => {
    expect(await list('/tasks')).toEqual({ tasks: [], links: {} });
  });

  test('names its next page in a header as well, also for HEAD', async () => {
    await submitMany(3);

    const response = await fetch(`${api.url}/tasks?limit=2`);
    const head = await fetch(`${api.url}/tasks?limit=2`, { method: 'HEAD' });

    const { links } = (await response.json()) as ListBody;
    expect(links.next).toMatch(/^\/tasks\?limit=2&cursor=[\w-]+$/);
    expect(response.headers.get('link')).toBe(`<${links.next}>; rel="next"`);
    expect(head.status).toBe(200);
    expect(head.headers.get('link')).toBe(response.headers.get('link'));
  });

  test('goes on at the same place while tasks are submitted', async () => {
    const ids = await submitMany(4);

    const first = await list('/tasks?limit=2');
    await submitMany(3);
    const second = await list(first.links.next ?? '');

    expect([...first.tasks, ...second.tasks].map(({ id }) => id)).toEqual(ids);
  });

  test('may have another limit on the next page', async () => {
    const ids = await submitMany(5);

    const { links } = await list('/tasks?limit=1');
    const rest = await list(`${links.next?.replace('limit=1', 'limit=9')}`);

    expect(rest.tasks.map(({ id }) => id)).toEqual(ids.slice(1));
  });
});

describe('filters', () => {
  test('leave the tasks that fit all of them', async () => {
    const [one] = await submitMany(1, { group: 'a' });
    const [two] = await submitMany(1, { group: 'a', type: 'waits' });
    const [three] = await submitMany(1, { group: 'b', type: 'waits' });
    await fetch(`${api.url}/tasks/${one}/cancel`, { method: 'POST' });
    const found = async (query: string) => (await walk(`/tasks?limit=1&${query}`)).flat();

    expect(await found('group=a')).toEqual([two, one]);
    expect(await found('type=waits')).toEqual([three, two]);
    expect(await found('status=queued')).toEqual([three, two]);
    expect(await found('status=cancelled')).toEqual([one]);
    expect(await found('status=failed')).toEqual([]);
    expect(await found('type=waits&status=queued')).toEqual([three, two]);
    expect(await found('type=noop&status=queued')).toEqual([]);
    expect(await found('group=a&status=queued')).toEqual([two]);
    expect(await found('group=a&type=waits')).toEqual([two]);
    expect(await found('group=b&type=waits&status=queued')).toEqual([three]);
    expect(await found('type=no-longer-there')).toEqual([]);
    // A form sends fields like this that nobody has filled in.
    expect(await found('group=&type=waits&status=')).toEqual([three, two]);
  });

  test.each(['100 % & more', 'a=b&cursor=x', 'Größe 🚀/\\"<>;,', '%41', '+ +', '/../', '\u202ertl', "'; --"])(
    'take the group %j, through links too',
    async (group) => {
      const ids = await submitMany(3, { group });
      await submitMany(1, { group: 'another' });

      const first = await fetch(`${api.url}/tasks?limit=1&${new URLSearchParams({ group })}`);
      const link = first.headers.get('link') ?? '';
      const [, next = ''] = /^<([!-;=?-~]+)>; rel="next"$/.exec(link) ?? [];

      expect(next).toMatch(/^\/tasks\?/);
      const rest = await walk(next);
      const { tasks } = (await first.json()) as ListBody;
      expect([...tasks.map(({ id }) => id), ...rest.flat()]).toEqual(ids);
    },
  );
});

describe('a parameter', () => {
  test.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=1000', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=1e1', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=5&limit=5', 'limit'],
    ['status=done', 'status'],
    ['status=QUEUED', 'status'],
    ['status=queued,running', 'status'],
    ['status=queued&status=failed', 'status'],
    ['type=No%20Type', 'type'],
    ['type=__proto__', 'type'],
    ['group=a%0Ab', 'group'],
    [`group=${'g'.repeat(201)}`, 'group'],
    ['group=a&group=b', 'group'],
    ['cursor=', undefined],
    ['cursor=a&cursor=b', 'cursor'],
    ['page=2', 'page'],
    ['__proto__=1', '__proto__'],
    ['status[]=queued', 'status[]'],
    ['%zz=1', '%zz'],
  ])('that makes no sense is refused by name: %s', async (query, path) => {
    const response = await fetch(`${api.url}/tasks?${query}`);

    expect(response.status).toBe(path === undefined ? 200 : 400);
    if (path !== undefined) expect((await problemOf(response)).errors).toMatchObject([{ path }]);
  });

  test('that is wrong is explained to people on a page', async () => {
    const response = await fetch(`${api.url}/tasks?limit=0`, { headers: { accept: 'text/html' } });

    expect(response.status).toBe(400);
    expect(await response.text()).toContain('a whole number from 1 to 100');
  });
});

describe('with API keys', () => {
  const key = 'a-key-of-some-length';
  const bearer = { authorization: `Bearer ${key}` };
  let keyed: TestApi;
  beforeAll(async () => {
    keyed = await startApi({ config: { apiKeys: [key] } });
  });
  afterAll(() => keyed.close());

  test.each(['GET', 'HEAD'])('a list needs one: %s', async (method) => {
    const without = await fetch(`${keyed.url}/tasks`, { method });
    const wrong = await fetch(`${keyed.url}/tasks`, { method, headers: { authorization: 'Bearer wrong' } });
    const badQuery = await fetch(`${keyed.url}/tasks?limit=0`, { method });
    const right = await fetch(`${keyed.url}/tasks`, { method, headers: bearer });

    expect([without.status, wrong.status, badQuery.status, right.status]).toEqual([401, 401, 401, 200]);
    expect(without.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  test('people are asked for one, and then led back to their list', async () => {
    const response = await fetch(`${keyed.url}/tasks?status=failed`, { headers: { accept: 'text/html' } });

    expect(response.status).toBe(401);
    expect(await response.text()).toMatch(/value="\/tasks\?status(=|&#61;)failed"/);
  });

  test('a poll of ids needs none', async () => {
    const task = await postJson(`${keyed.url}/tasks`, { type: 'noop' }, bearer);
    const { id } = (await task.json()) as TaskBody;

    const response = await fetch(`${keyed.url}/tasks?ids=${id}`);

    expect(response.status).toBe(200);
    expect(((await response.json()) as ListBody).tasks.map((found) => found.id)).toEqual([id]);
  });
});

describe('for people', () => {
  const page = async (path: string) => {
    const response = await fetch(`${api.url}${path}`, { headers: { accept: 'text/html' } });
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('vary')).toBe('Accept');
    return response.text();
  };

  /** The URL of the link with this attribute. */
  const linkIn = (html: string, attribute: string) => {
    const [, href = ''] = new RegExp(`href="([^"]+)" ${attribute}`).exec(html) ?? [];
    return href.replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
  };

  test('a list is a page with links onwards and back to the newest', async () => {
    const ids = await submitMany(3, { group: 'a&b' });

    const first = await page('/tasks?limit=2&group=a%26b');
    const second = await page(linkIn(first, 'rel="next"'));

    expect(first).toContain(`/tasks/${ids[0]}`);
    expect(first).not.toContain('Newest tasks');
    expect(second).toContain(`/tasks/${ids[2]}`);
    expect(second).not.toContain('rel="next"');
    expect(second).toContain('Newest tasks');
  });

  test('another media type is refused', async () => {
    expect((await fetch(`${api.url}/tasks`, { headers: { accept: 'text/csv' } })).status).toBe(406);
  });
});
