/** GET /groups/:group with Prefer: wait=N */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { problemOf, startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { type GroupBody, getGroup, groupBody, groupUrl } from '../support/group-polls.ts';
import { bump, etagAt, insertTask, newTask, otherEtag, remove, succeed } from '../support/polls.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterEach(() => eventually(() => api.reading.watchers.count === 0));
afterAll(() => api.close());

let groups = 0;
const newGroup = () => `group ${++groups}`;
const join = (group: string) => newTask(api, { group });

/** A change of a member, a new member, and the end of a member. */
const changesOf = (group: string, id: string) => [
  () => bump(api.store, id),
  () => insertTask(api.store.db.pool, group),
  () => remove(api.store, id),
];

describe('a long poll of a group', () => {
  test('learns of changes, of tasks that join and of tasks that are gone', async () => {
    const group = newGroup();
    const id = await join(group);

    for (const change of changesOf(group, id)) {
      const etag = (await getGroup(api, group)).headers.get('etag') ?? '';
      const held = getGroup(api, group, { prefer: 'wait=30', 'if-none-match': etag });
      await eventually(() => api.reading.watchers.count === 1);
      await change();
      const response = await held;
      expect(response.status).toBe(200);
      expect(response.headers.get('etag')).not.toBe(etag);
      expect(response.headers.get('cache-control')).toBe('no-store');
    }
  });

  test('whose tags are lost goes on after the version of its last answer', async () => {
    const group = newGroup();
    const id = await join(group);
    let { version } = await groupBody(api, group);

    for (const change of changesOf(group, id)) {
      const held = fetch(`${groupUrl(api, group)}?after=${version}`, { headers: { prefer: 'wait=30' } });
      await eventually(() => api.reading.watchers.count === 1);
      await change();
      const body = (await (await held).json()) as GroupBody;
      expect(body.version).not.toBe(version);
      version = body.version;
    }
  });

  test('whose tag was made by another build, and altered, is held', async () => {
    const group = newGroup();
    await join(group);
    const etag = etagAt((await groupBody(api, group)).version).replace(/"$/, '-br"');
    const held = getGroup(api, group, { prefer: 'wait=30', 'if-none-match': etag });
    await eventually(() => api.reading.watchers.count === 1);

    await join(group);

    expect(((await (await held).json()) as GroupBody).tasks).toHaveLength(2);
  });

  test('after version 0 is answered at once', async () => {
    using held = vi.spyOn(api.reading.watchers, 'enter');

    const response = await fetch(`${groupUrl(api, newGroup())}?after=0`, { headers: { prefer: 'wait=30' } });

    expect(response.status).toBe(200);
    expect(held).not.toHaveBeenCalled();
  });

  test('is refused with an `after` that is no version', async () => {
    const response = await fetch(`${groupUrl(api, newGroup())}?after=17`, { headers: { prefer: 'wait=30' } });

    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors).toEqual([
      { path: 'after', message: 'must be the version of an answer to this URL, or 0 for none' },
    ]);
  });

  test('without a version waits until all are finished', async () => {
    const group = newGroup();
    const ids = [await join(group), await join(group)];
    const held = getGroup(api, group, { prefer: 'wait=30' });
    await eventually(() => api.reading.watchers.count === 1);

    for (const id of ids) await succeed(api.store, id);

    expect(((await (await held).json()) as GroupBody).counts).toMatchObject({ succeeded: 2 });
  });

  test('with another version is answered at once', async () => {
    using held = vi.spyOn(api.reading.watchers, 'enter');

    expect((await getGroup(api, newGroup(), { prefer: 'wait=30', 'if-none-match': otherEtag })).status).toBe(
      200,
    );

    expect(held).not.toHaveBeenCalled();
  });
});
