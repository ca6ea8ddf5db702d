/** Polls through proxies that compress; each proxy changes tags in another way. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { CompressingProxy, type TagHabitName, tagHabits } from '../support/compressing-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { bump, newTask, succeed } from '../support/polls.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ tickMs: 20 });
});
afterAll(() => api.close());

/** The habits that leave a tag readable. */
const legible = [
  'drops strong tags (Envoy)',
  'makes tags weak (nginx)',
  'writes the coding into tags (Apache)',
] as const satisfies TagHabitName[];
const illegible = ['drops all tags', 'has tags of its own'] as const satisfies TagHabitName[];
const all = Object.keys(tagHabits) as TagHabitName[];

type Naming = 'by tag' | 'by version' | 'by both';

interface Body {
  readonly version: string | number;
  readonly message?: string;
  readonly tasks?: { message: string }[];
}

/** Follows a URL by polls that wait; each names the state that the poll before it has brought. */
class Follower implements AsyncDisposable {
  /** The states in the order in which they came. */
  readonly messages: (string | undefined)[] = [];
  private readonly control = new AbortController();
  private readonly done: Promise<void>;

  constructor(url: string, naming: Naming) {
    this.done = this.follow(url, naming);
    this.done.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.control.abort();
    await this.done.catch(() => undefined);
    await eventually(() => api.reading.watchers.count === 0);
  }

  private async follow(url: string, naming: Naming): Promise<void> {
    const { signal } = this.control;
    let etag: string | null = null;
    let version: string | number = 0;
    for (;;) {
      const headers = { accept: 'application/json', ...(version !== 0 && { prefer: 'wait=60' }) };
      const after =
        naming === 'by tag' || version === 0 ? '' : `${url.includes('?') ? '&' : '?'}after=${version}`;
      const tag = naming === 'by version' || etag === null ? {} : { 'if-none-match': etag };
      const response: Response = await fetch(`${url}${after}`, { headers: { ...headers, ...tag }, signal });
      const body = (await response.json()) as Body;
      etag = response.headers.get('etag');
      version = body.version;
      this.messages.push(body.message ?? body.tasks?.[0]?.message);
    }
  }
}

interface Task {
  readonly id: string;
  readonly group: string;
}

const things = {
  task: ({ id }: Task) => `/tasks/${id}`,
  group: ({ group }: Task) => `/groups/${group}`,
  'list of ids': ({ id }: Task) => `/tasks?ids=${id}`,
};

const changes = ['one', 'two', 'three'];

describe.each(Object.entries(things))('a client that follows a %s by polls that wait', (_thing, pathOf) => {
  /** A task in a group of its own, and the followed URL behind a proxy. */
  async function arrange(habit: TagHabitName) {
    const group = randomUUID();
    const id = await newTask(api, { group });
    const proxy = await CompressingProxy.start(api.port, habit);
    const url = `${proxy.url}${pathOf({ id, group })}`;
    return { id, proxy, url, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
  }

  const cases: [TagHabitName, Naming][] = [
    ...legible.map((habit): [TagHabitName, Naming] => [habit, 'by tag']),
    ...all.map((habit): [TagHabitName, Naming] => [habit, 'by version']),
    ...all.map((habit): [TagHabitName, Naming] => [habit, 'by both']),
  ];

  test.each(cases)(
    'through a proxy that %s asks once for each change, naming its version %s',
    async (habit, naming) => {
      await using thing = await arrange(habit);
      const { id, proxy, url } = thing;
      await using follower = new Follower(url, naming);
      await eventually(() => proxy.polls.length >= 2);

      for (const [index, change] of changes.entries()) {
        await bump(api.store, id, change);
        await eventually(() => follower.messages.includes(change) && proxy.polls.length >= index + 3);
      }

      expect(follower.messages.slice(1)).toEqual(changes);
      expect(proxy.polls.length).toBe(2 + changes.length);
    },
  );

  test.each(illegible)(
    'by tags through a proxy that %s learns of the end, and asks once for it',
    async (habit) => {
      await using thing = await arrange(habit);
      const { id, proxy, url } = thing;
      const known = await fetch(url, { headers: { accept: 'application/json' } });
      const etag = known.headers.get('etag');
      const headers = {
        accept: 'application/json',
        prefer: 'wait=60',
        ...(etag && { 'if-none-match': etag }),
      };
      const held = fetch(url, { headers });
      await eventually(() => api.reading.watchers.count === 1);

      await bump(api.store, id, 'one');
      await succeed(api.store, id);

      expect(await (await held).text()).toContain('"status":"succeeded"');
      expect(proxy.polls).toHaveLength(2);
    },
  );

  test.each(legible)(
    'and plainly, gets through a proxy that %s a 304 when nothing has changed',
    async (habit) => {
      await using thing = await arrange(habit);
      const { id, url } = thing;
      const etag = (await fetch(url)).headers.get('etag') ?? '';

      const same = await fetch(url, { headers: { 'if-none-match': etag } });
      await bump(api.store, id, 'one');
      const changed = await eventually(async () => {
        const response = await fetch(url, { headers: { 'if-none-match': etag } });
        return response.status === 200 ? response : undefined;
      });

      expect(etag).not.toBe('');
      expect(same.status).toBe(304);
      expect(await changed.text()).toContain('"message":"one"');
    },
  );
});
