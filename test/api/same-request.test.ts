/** Submits under one key are the same request if they have the same JSON and the same bytes of a file. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { digestInput } from '../../src/tasks/life/digest.ts';
import { postCsv, postForm, postJson, problemOf, startApi, type TestApi, taskOf } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterEach(async () => {
  await api.store.db.pool.query('TRUNCATE task_state, file, file_chunk');
});
afterAll(() => api.close());

/** Submits JSON under a key: 202 for a new task, 200 for the same request again, 409 for another input. */
async function statusOf(input: string, key: string, type = 'noop'): Promise<number> {
  const body = `{"type":${JSON.stringify(type)},"key":${JSON.stringify(key)},"input":${input}}`;
  return (await postJson(`${api.url}/tasks`, body)).status;
}

describe('under one key', () => {
  test.each([
    ['the order of keys', '{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}'],
    ['blanks', '[1,{"a":[]}]', ' [ 1 ,\n\t{ "a" : [ ] } ] '],
    ['the spelling of numbers', '[1,100,0.5,0,1e21]', '[1.0,1e2,5E-1,-0,1000000000000000000000]'],
    ['escapes', '"aé\\u2028"', '"\\u0061\\u00e9\u2028"'],
    ['keys that are given twice', '{"a":1}', '{"a":2,"a":1}'],
    ['what PostgreSQL cannot hold', '{"a":"b"}', '{"a\\u0000":"b\\u0000"}'],
    ['halves of characters', '"\ufffd"', '"\\ud800"'],
  ])('%s does not matter', async (_what, first, second) => {
    expect([await statusOf(first, 'k'), await statusOf(second, 'k')]).toEqual([202, 200]);
  });

  test.each([
    ['a number and its text', '1', '"1"'],
    ['the order of an array', '[1,2]', '[2,1]'],
    ['null and nothing', '{"a":null}', '{}'],
    ['numbers that are nearly the same', '0.1', '0.10000000000000002'],
    ['blanks in text', '"a"', '" a"'],
    ['two ways to write one letter', '"\u00e9"', '"e\u0301"'],
    ['an array and an object', '[]', '{}'],
    ['text that looks like a path', '["file"]', '[]'],
  ])('%s differ', async (_what, first, second) => {
    expect([await statusOf(first, 'k'), await statusOf(second, 'k')]).toEqual([202, 409]);
  });

  test('a missing input is the same as an empty object', async () => {
    const none = await postJson(`${api.url}/tasks`, { type: 'noop', key: 'k' });

    expect([none.status, await statusOf('{}', 'k')]).toEqual([202, 200]);
  });

  test('JSON is the same in any spelling, and another if anything in it differs', async () => {
    let key = 0;
    await fc.assert(
      fc.asyncProperty(json, fc.infiniteStream(fc.nat()), fc.nat(), async (value, choices, place) => {
        key += 1;
        const first = await statusOf(JSON.stringify(value), `k${key}`);
        const respelled = await statusOf(spelled(value, choices), `k${key}`);
        const changed = await statusOf(JSON.stringify(changeAt(value, place)), `k${key}`);

        expect([first, respelled, changed]).toEqual([202, 200, 409]);
      }),
    );
  });

  test('the sent JSON is compared, not what the schema makes of it: a sent default is another request', async () => {
    expect(await statusOf('{"ms":1}', 'k', 'waits')).toBe(202);
    expect(await statusOf('{"ms":1,"ignoresSignal":false}', 'k', 'waits')).toBe(409);
  });

  test('a schema may make values that JSON cannot express', async () => {
    expect(await statusOf('{"big":"7"}', 'k', 'parses')).toBe(202);
    expect(await statusOf('{"big":"7"}', 'k', 'parses')).toBe(200);
    expect(await statusOf('{"big":"8"}', 'k', 'parses')).toBe(409);
  });
});

describe('a file under one key', () => {
  const url = () => `${api.url}/tasks/csv-import`;
  const csv = 'a,b\n1,2\n';

  test.each([
    ['the same bytes as a form', csv, 'd', 200],
    ['other bytes', `${csv}3,4\n`, 'd', 409],
    ['other bytes of the same length', 'a,b\n1,3\n', 'd', 409],
    ['the same bytes with another field', csv, 'e', 409],
  ])('with %s', async (_what, bytes, dataset, status) => {
    const first = await postCsv(`${url()}?dataset=d&key=k`, csv);
    const fields = [
      ['key', 'k'],
      ['dataset', dataset],
      ['file', ['other.csv', bytes]],
    ] as const;

    expect([first.status, (await postForm(url(), fields)).status]).toEqual([202, status]);
  });

  test('with the key of a task without a file', async () => {
    await postCsv(`${url()}?dataset=d&key=k`, csv);
    await api.store.db.pool.query(`UPDATE task_state SET input = '["file"]'`);
    await api.store.db.pool.query('DELETE FROM file');

    expect((await postCsv(`${url()}?dataset=d&key=k`, csv)).status).toBe(409);
  });
});

describe('a task from before 0.2, which has the digest of the parsed input', () => {
  const makeOld = async (id: string, input: object, digest: string) => {
    await api.store.db.pool.query('UPDATE task_state SET input = $2, input_digest = $3 WHERE id = $1', [
      id,
      JSON.stringify(input),
      digest,
    ]);
  };

  test('is the same request if the parsed input is the same', async () => {
    const { id } = await taskOf(
      await postJson(`${api.url}/tasks`, { type: 'waits', key: 'k', input: { ms: 1 } }),
    );
    const parsed = { ms: 1, ignoresSignal: false };
    await makeOld(id, parsed, digestInput(parsed));

    expect(await statusOf('{"ms":1}', 'k', 'waits')).toBe(200);
    expect(await statusOf('{"ignoresSignal":false,"ms":1}', 'k', 'waits')).toBe(200);
    expect(await statusOf('{"ms":2}', 'k', 'waits')).toBe(409);
  });

  test('with a file is the same request if the bytes are the same', async () => {
    const url = `${api.url}/tasks/csv-import?dataset=%20d&key=k`;
    const { id } = await taskOf(await postCsv(url, 'a\n1\n'));
    const { id: file, sha256, size } = await api.store.db.prisma.file.findFirstOrThrow();
    const content = { [file]: { sha256: sha256 ?? '', size: Number(size) } };
    await makeOld(id, { file, dataset: 'd' }, digestInput({ file, dataset: 'd' }, content));

    expect((await postCsv(url, 'a\n1\n')).status).toBe(200);
    expect((await postCsv(url, 'a\n2\n')).status).toBe(409);
  });

  test('is another request if the parsed input has no digest', async () => {
    const { id } = await taskOf(await postJson(`${api.url}/tasks`, { type: 'parses', key: 'k' }));
    await makeOld(id, {}, digestInput({}));

    const response = await postJson(`${api.url}/tasks`, { type: 'parses', key: 'k', input: { big: '7' } });

    expect(response.status).toBe(409);
    expect((await problemOf(response)).existingTask).toBe(`/tasks/${id}`);
  });
});

/** Any JSON value. The names of fields are ASCII, so that different names still differ when they are cleansed. */
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'grapheme-ascii', maxLength: 4 }), tie('value'), { maxKeys: 5 }),
  ),
})).value as fc.Arbitrary<unknown>;

/** The same value as another text of JSON: `choices` decides the spelling. */
function spelled(value: unknown, choices: Iterator<number>): string {
  const choose = <T>(...options: [T, ...T[]]): T =>
    options[(choices.next().value as number) % options.length] ?? options[0];
  const blank = () => choose('', ' ', '\n', '\t ');
  const write = (item: unknown): string => {
    if (typeof item === 'number') return choose(String(item), item.toExponential(), withPoint(item));
    if (typeof item === 'string') return choose(JSON.stringify(item), escaped(item));
    if (Array.isArray(item)) return `[${item.map((part) => `${blank()}${write(part)}${blank()}`).join(',')}]`;
    if (typeof item !== 'object' || item === null) return String(item);
    const fields = Object.entries(item).map(([key, part]) => {
      const name = choose(JSON.stringify(key), escaped(key));
      // Of two fields with one name, the last counts.
      const before = choose('', `${JSON.stringify(key)}:7,`);
      return `${before}${name}${blank()}:${blank()}${write(part)}`;
    });
    return `{${blank()}${choose(fields, fields.toReversed()).join(`${blank()},`)}}`;
  };
  return `${blank()}${write(value)}${blank()}`;
}

function withPoint(number: number): string {
  return Number.isInteger(number) && Math.abs(number) < 1e15 ? `${number}.0` : String(number);
}

function escaped(text: string): string {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
}

/** The value with one part of it replaced: a leaf, or the whole. */
function changeAt(value: unknown, place: number): unknown {
  const parts = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  const key = parts[place % Math.max(1, parts.length)];
  if (key === undefined) return [value, 'changed'];
  const changed = changeAt((value as Record<string, unknown>)[key], Math.floor(place / parts.length));
  return Array.isArray(value) ? value.with(Number(key), changed) : { ...(value as object), [key]: changed };
}
