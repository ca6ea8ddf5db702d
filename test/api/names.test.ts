/** Titles and keys without visible characters, whether a client or a job makes them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postJson, problemOf, startApi, type TestApi, taskOf } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const submit = (body: object) => postJson(`${api.url}/tasks`, body);
const nothing = ['\0', ' ', '\n', '\u00a0\t', '\0 \0'];

describe('a title without anything to see', () => {
  test.each(nothing)('becomes the type: %j', async (title) => {
    expect((await taskOf(await submit({ type: 'noop', title }))).title).toBe('noop');
  });

  test('becomes the title that the job makes, if there is one', async () => {
    const task = await taskOf(
      await submit({ type: 'names-badly', title: ' ', input: { title: 'By the job' } }),
    );

    expect(task.title).toBe('By the job');
  });

  test.each(nothing)('is replaced by the type if the job makes it: %j', async (title) => {
    const task = await taskOf(await submit({ type: 'names-badly', input: { title: `${title}` } }));

    expect(task.title).toBe('names-badly');
  });
});

describe('a key without anything to see', () => {
  test.each(nothing)('is refused: %j', async (key) => {
    const response = await submit({ type: 'noop', key });

    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors?.[0]).toMatchObject({ path: 'key' });
  });

  test.each(['" "', '"\u00a0"'])('is refused as a header: %j', async (key) => {
    const headers = { 'idempotency-key': Buffer.from(key).toString('latin1') };

    expect((await postJson(`${api.url}/tasks`, { type: 'noop' }, headers)).status).toBe(400);
  });
});

describe('a job whose own code', () => {
  test.each([
    ['throws for a title', { title: 'throw' }, 'its title() has thrown: no name today'],
    ['throws for a key', { key: 'throw' }, 'its key() has thrown: no name today'],
    ['returns a number for a title', { title: 7 }, 'its title() returned number instead of text'],
    ['returns an object for a key', { key: {} }, 'its key() returned object instead of text'],
    ['returns an empty key', { key: '' }, 'its key() returned an invalid key'],
    ['returns a blank key', { key: ' ' }, 'its key() returned an invalid key: must have more than blanks'],
    ['returns a key that is too long', { key: 'x'.repeat(201) }, 'its key() returned an invalid key'],
  ])('%s is told whose fault it is', async (_, input, words) => {
    const response = await submit({ type: 'names-badly', input });

    expect(response.status).toBe(500);
    const { type, detail } = await problemOf(response);
    expect(type).toBe('/problems/job-fault');
    expect(detail).toContain('The code of the job "names-badly" has a fault');
    expect(detail).toContain(words);
  });
});
