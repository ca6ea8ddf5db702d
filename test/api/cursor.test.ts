/** Cursors of GET /tasks: which are accepted, and how all others are refused. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Access } from '../../src/api/access/access.ts';
import { Cursors } from '../../src/api/reading/lists/cursor.ts';
import { loadConfig } from '../../src/config.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import type { TaskFilter } from '../../src/tasks/queries/list.ts';
import { problemOf, startApi, type TestApi } from '../support/api.ts';
import { submit } from '../support/service.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
  for (let n = 0; n < 3; n += 1) await submit(api.store, 'noop', { n }, { group: 'a' });
});
afterAll(() => api.close());

/** The cursor of the second page of a list. */
async function cursorOf(query: string): Promise<string> {
  const response = await fetch(`${api.url}/tasks?limit=1${query}`);
  const { links } = (await response.json()) as { links: { next: string } };
  return new URL(links.next, api.url).searchParams.get('cursor') ?? '';
}

const position = { createdAt: new Date(), id: newId() };
const cursors = new Cursors(Buffer.alloc(32, 7));

const refused = async (cursor: string, query = '') => {
  const response = await fetch(`${api.url}/tasks?${new URLSearchParams({ cursor })}${query}`);
  expect(response.status, cursor).toBe(400);
  const { errors = [] } = await problemOf(response);
  expect(errors.map(({ path }) => path)).toEqual(['cursor']);
  return errors[0]?.message ?? '';
};

test('a cursor of a list with other filters is refused, and the answer says so', async () => {
  const cursor = await cursorOf('&group=a');

  expect(await refused(cursor)).toContain('other filters');
  expect(await refused(cursor, '&group=b')).toContain('other filters');
  expect(await refused(cursor, '&group=a&status=queued')).toContain('other filters');
});

test.each(['x', '..', 'null', '0', 'eyJpZCI6MX0', '%00', '🚀', 'A'.repeat(78), '-'.repeat(8000), "' OR 1=1"])(
  'a cursor that nobody was given is refused: %j',
  async (cursor) => {
    expect(await refused(cursor)).toContain('not a cursor');
  },
);

test('a cursor with any other character is refused', async () => {
  const cursor = await cursorOf('');

  for (let place = 0; place < cursor.length; place += 1) {
    const other = cursor[place] === 'A' ? 'B' : 'A';
    expect(await refused(cursor.slice(0, place) + other + cursor.slice(place + 1))).toContain('not a cursor');
  }
});

test('a cursor that somebody forges with the public secret of an open service breaks nothing', async () => {
  const forger = new Cursors(new Access(loadConfig({})).secretFor('list cursors'));
  const moments = [0, 1, 2 ** 48 - 1].map((ms) => new Date(ms));

  const responses = await Promise.all(
    moments.map((createdAt) =>
      fetch(`${api.url}/tasks?cursor=${forger.seal({ ...position, createdAt }, {})}`),
    ),
  );

  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);
});

test('a cursor is the same for the same place, and hides the place', () => {
  const sealed = cursors.seal(position, { group: 'g' });

  expect(cursors.seal(position, { group: 'g' })).toBe(sealed);
  const bytes = Buffer.from(sealed, 'base64url');
  expect(bytes.includes(Buffer.from(position.id.replaceAll('-', ''), 'hex').subarray(8))).toBe(false);
});

test('a cursor leads back to any place, with the filters that it was made for', () => {
  const text = fc.option(fc.string({ unit: 'binary' }), { nil: undefined });
  const status = fc.constantFrom('queued', 'failed', undefined);
  const filters = fc.record({ status, type: text, group: text }) as fc.Arbitrary<TaskFilter>;
  const moment = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(moment, fc.uuid(), filters, filters, (createdAt, id, filter, other) => {
      const cursor = cursors.seal({ createdAt, id }, filter);

      expect(cursor).toMatch(/^[\w-]{78}$/);
      expect(cursors.open(cursor, filter)).toEqual({ createdAt, id });
      if (JSON.stringify(filter) !== JSON.stringify(other)) {
        expect(() => cursors.open(cursor, other)).toThrow('other filters');
      }
    }),
  );
});
