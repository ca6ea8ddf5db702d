/** POST /tasks */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postJson, problemOf, startApi, type TestApi, taskOf } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const submit = (body: unknown, headers?: Record<string, string>) =>
  postJson(`${api.url}/tasks`, body, headers);

describe('a good submit', () => {
  test('is accepted with the URL of its task and when to ask', async () => {
    const response = await submit({ type: 'noop', input: { a: 1 }, title: 'Do nothing', group: 'tests' });

    const task = await taskOf(response);
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe(`/tasks/${task.id}`);
    expect(response.headers.get('operation-location')).toBe(`/tasks/${task.id}`);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(task).toMatchObject({ status: 'queued', title: 'Do nothing', group: 'tests', key: null });
  });

  test('with a key is one task, however often it comes', async () => {
    const first = await submit({ type: 'noop', input: { a: 1, b: 2 }, key: 'once' });
    const second = await submit({ type: 'noop', input: { b: 2, a: 1 }, key: 'once' });

    expect([first.status, second.status]).toEqual([202, 200]);
    expect((await taskOf(second)).id).toBe((await taskOf(first)).id);
  });

  test('fifty times at once with a key is one task', async () => {
    const responses = await Promise.all(
      Array.from({ length: 50 }, () => submit({ type: 'noop', input: 7, key: 'fifty' })),
    );

    const ids = new Set((await Promise.all(responses.map(taskOf))).map((task) => task.id));
    expect(ids.size).toBe(1);
    expect(responses.filter((response) => response.status === 202)).toHaveLength(1);
  });

  test('may bring its key in a header, quoted or bare', async () => {
    const quoted = await taskOf(await submit({ type: 'noop' }, { 'idempotency-key': '"from-header"' }));
    const bare = await taskOf(await submit({ type: 'noop' }, { 'idempotency-key': 'from-header' }));

    expect(quoted.key).toBe('from-header');
    expect(bare.id).toBe(quoted.id);
  });

  test('with onConflict takes the key of a finished task, but not of an unfinished one', async () => {
    const first = await taskOf(await submit({ type: 'noop', input: 1, key: 'replace' }));
    const replacement = { type: 'noop', input: 2, key: 'replace', onConflict: 'replaceFinished' };
    const tooEarly = await submit(replacement);
    await fetch(`${api.url}/tasks/${first.id}/cancel`, { method: 'POST' });
    const second = await submit(replacement);

    expect(tooEarly.status).toBe(409);
    expect(second.status).toBe(202);
    expect((await taskOf(second)).id).not.toBe(first.id);
  });

  test('is stored as it was sent, not as its schema parses it', async () => {
    const input = { count: '7', big: '12', when: '2026-02-03', tags: ['a'], name: 'Ada' };

    const { id, title } = await taskOf(await submit({ type: 'parses', input }));

    const row = await api.store.db.prisma.taskState.findUniqueOrThrow({ where: { id } });
    expect(row).toMatchObject({ input, inputDigest: null });
    expect(title).toContain('count: number 7, big: bigint 12, when: 2026-02-03T00:00:00.000Z');
  });

  test('may hold characters that PostgreSQL refuses: they are removed', async () => {
    const response = await submit('{"type":"noop","input":{"a\\u0000b":"x\\ud800y"},"title":"t\\u0000"}');

    const { id, title } = await taskOf(response);
    const row = await api.store.db.prisma.taskState.findUniqueOrThrow({ where: { id } });
    expect(row.input).toEqual({ ab: 'x\ufffdy' });
    expect(title).toBe('t');
  });
});

describe('a submit is refused', () => {
  test('for a key that belongs to other input, with the task that has it', async () => {
    const first = await taskOf(await submit({ type: 'noop', input: 1, key: 'taken' }));

    const response = await submit({ type: 'noop', input: 2, key: 'taken' });

    expect(response.status).toBe(409);
    expect(await problemOf(response)).toMatchObject({
      type: '/problems/key-conflict',
      existingTask: `/tasks/${first.id}`,
    });
  });

  test('for an unknown type, naming the known ones', async () => {
    const response = await submit({ type: 'nonsense', input: {} });

    expect(response.status).toBe(404);
    expect((await problemOf(response)).detail).toContain('csv-import');
  });

  test.each([
    ['a wrong input', { type: 'steps', input: { steps: 'many', stepMs: 1 } }, 'input.steps'],
    ['a missing input', { type: 'steps' }, 'input.steps'],
    [
      'an unknown field of the input',
      { type: 'steps', input: { steps: 1, stepMs: 1, more: 1 } },
      'input.more',
    ],
    [
      'an unknown field of an input that its schema transforms',
      { type: 'parses', input: { counts: '7' } },
      'input.counts',
    ],
    ['what an asynchronous refinement refuses', { type: 'parses', input: { name: 'nobody' } }, 'input.name'],
    ['text that is no number', { type: 'parses', input: { big: 'many' } }, 'input.big'],
    ['an unknown field', { type: 'noop', inputs: {} }, 'inputs'],
    ['a key of another kind', { type: 'noop', key: 7 }, 'key'],
    ['an empty key', { type: 'noop', key: '' }, 'key'],
    ['a key that is too long', { type: 'noop', key: 'k'.repeat(201) }, 'key'],
    ['a key with control characters', { type: 'noop', key: 'a\u0000b' }, 'key'],
    ['a key with half a character', { type: 'noop', key: 'a\ud800' }, 'key'],
    ['an unknown onConflict', { type: 'noop', onConflict: 'whatever' }, 'onConflict'],
    ['a title that is too long', { type: 'noop', title: 't'.repeat(201) }, 'title'],
    ['no type', { input: {} }, 'type'],
    ['a file that must be sent', { type: 'csv-import', input: { file: 'x', dataset: 'y' } }, 'input.file'],
    ['a body that is no object', [1, 2], ''],
    ['a prototype', '{"type":"noop","input":{"__proto__":{"admin":true}}}', 'input.__proto__'],
    ['a prototype in disguise', '{"type":"noop","input":{"__pro\\u0000to__":{}}}', 'input.__proto__'],
    ['a number that is none', '{"type":"noop","input":[1e999]}', 'input.0'],
  ])('for %s, with its path', async (_what, body, path) => {
    const response = await submit(body);

    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors?.map((error) => error.path)).toContain(path);
  });

  test('for a schema that throws, and the job is blamed', async () => {
    const response = await submit({ type: 'parses', input: { says: 'throw' } });

    expect(response.status).toBe(500);
    expect(await problemOf(response)).toMatchObject({
      type: '/problems/job-fault',
      detail: 'The code of the job "parses" has a fault: its input schema has thrown: no schema today.',
    });
  });

  test.each([
    ['no JSON', '{"type":'],
    ['an empty body', ''],
    ['a word', 'hello'],
  ])('for %s', async (_what, body) => {
    const response = await submit(body);

    expect(response.status).toBe(400);
    expect((await problemOf(response)).detail).toMatch(/JSON/);
  });

  test('for bytes that are no UTF-8', async () => {
    const response = await fetch(`${api.url}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array([0x22, 0xff, 0xfe, 0x22]),
    });

    expect(response.status).toBe(400);
    expect((await problemOf(response)).detail).toContain('UTF-8');
  });

  test('for nesting that exhausts a stack', async () => {
    const response = await submit(`{"type":"noop","input":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);

    expect(response.status).toBe(400);
    expect((await problemOf(response)).detail).toContain('nested');
  });

  test('for more than a megabyte, which the client may finish sending', async () => {
    const response = await submit(JSON.stringify({ type: 'noop', input: 'x'.repeat(5_000_000) }));

    expect(response.status).toBe(413);
    expect((await problemOf(response)).type).toBe('/problems/too-large');
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'garbage', 'application/xml; charset=utf-8'])(
    'as %s',
    async (type) => {
      const response = await submit('{"type":"noop"}', { 'content-type': type });

      expect(response.status).toBe(415);
      expect((await problemOf(response)).detail).toContain('application/json');
    },
  );

  test('for a compressed body', async () => {
    const response = await submit('{"type":"noop"}', { 'content-encoding': 'gzip' });

    expect(response.status).toBe(415);
    expect((await problemOf(response)).detail).toContain('uncompressed');
  });

  test('for two keys that differ', async () => {
    const response = await submit({ type: 'noop', key: 'one' }, { 'idempotency-key': 'two' });

    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors).toMatchObject([{ path: 'Idempotency-Key' }]);
  });
});
