/** POST /tasks/:type with a file. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { postCsv, postForm, problemOf, startApi, storedFiles, type TestApi, taskOf } from '../support/api.ts';

const megabyte = 1024 * 1024;
const csv = 'a,b\n1,2\n';

let api: TestApi;
let url: string;
beforeAll(async () => {
  api = await startApi({ config: { maxUploadBytes: 2 * megabyte } });
  url = `${api.url}/tasks/csv-import`;
});
afterEach(async () => {
  await api.store.db.pool.query('TRUNCATE task_state, file, file_chunk');
});
afterAll(() => api.close());

const fileOf = (taskId: string) => api.store.db.prisma.file.findFirstOrThrow({ where: { taskId } });

describe('a file as the body', () => {
  test('is stored and submitted in one call', async () => {
    const response = await postCsv(`${url}?filename=orders.csv&group=g&title=Hello`, csv);

    const task = await taskOf(response);
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe(`/tasks/${task.id}`);
    expect(task).toMatchObject({ group: 'g', title: 'Hello', status: 'queued' });
    expect(await fileOf(task.id)).toMatchObject({ name: 'orders.csv', contentType: 'text/csv', size: 8n });
  });

  test.each([
    ['a path', { 'content-disposition': 'attachment; filename="../../etc/pass wd.csv"' }, 'pass wd.csv'],
    ['a path of Windows', { 'content-disposition': 'attachment; filename="C:\\tmp\\a.csv"' }, 'a.csv'],
    [
      'an encoded name',
      { 'content-disposition': "attachment; filename*=UTF-8''na%C3%AFve.csv" },
      'naïve.csv',
    ],
    ['a name of dots', { 'content-disposition': 'attachment; filename=".."' }, ''],
    ['no name', {}, ''],
  ])('has a name from %s', async (_what, headers, name) => {
    const task = await taskOf(await postCsv(url, csv, headers));

    expect((await fileOf(task.id)).name).toBe(name);
  });

  test('with a key is one task with one copy', async () => {
    const first = await postCsv(`${url}?filename=a.csv&key=k`, csv);
    const second = await postCsv(`${url}?filename=a.csv&key=k`, csv);

    expect([first.status, second.status]).toEqual([202, 200]);
    expect((await taskOf(second)).id).toBe((await taskOf(first)).id);
    expect(await storedFiles(api.store)).toEqual({ files: 1, chunks: 1 });
  });

  test('with a key that belongs to other bytes is refused and deleted', async () => {
    await postCsv(`${url}?filename=a.csv&key=k`, csv);

    const response = await postCsv(`${url}?filename=a.csv&key=k`, `${csv}3,4\n`);

    expect(response.status).toBe(409);
    expect(await storedFiles(api.store)).toEqual({ files: 1, chunks: 1 });
  });

  test('fifty times at once with a key is one task with one copy', async () => {
    const responses = await Promise.all(
      Array.from({ length: 50 }, () => postCsv(`${url}?filename=a.csv`, csv, { 'idempotency-key': 'k' })),
    );

    const ids = new Set((await Promise.all(responses.map(taskOf))).map((task) => task.id));
    expect(ids.size).toBe(1);
    expect(await storedFiles(api.store)).toEqual({ files: 1, chunks: 1 });
  });

  test('may come in chunks, without a length', async () => {
    async function* chunks() {
      for (let i = 0; i < 20; i += 1) yield Buffer.from('x'.repeat(50_000));
    }

    const task = await taskOf(await postCsv(url, ReadableStream.from(chunks())));

    expect((await fileOf(task.id)).size).toBe(1_000_000n);
  });

  test.each(['application/octet-stream', 'text/plain', 'text/csv; charset=latin1'])(
    'may be %s',
    async (type) => {
      const response = await postCsv(url, csv, { 'content-type': type });

      expect(response.status).toBe(202);
    },
  );

  test('over the limit is refused, by its length or on the way', async () => {
    const body = Buffer.alloc(3 * megabyte, 'x');
    const announced = await postCsv(url, body);
    const unannounced = await postCsv(url, new Blob([body]).stream());

    expect([announced.status, unannounced.status]).toEqual([413, 413]);
    expect((await problemOf(unannounced)).detail).toContain('2 MB');
    expect(await storedFiles(api.store)).toEqual({ files: 0, chunks: 0 });
  });

  test('of exactly the limit is taken', async () => {
    const response = await postCsv(url, Buffer.alloc(2 * megabyte, 'x'));

    expect(response.status).toBe(202);
  });

  test.each([
    ['no bytes', '', '', 'file'],
    ['an unknown field', '?bogus=1', csv, 'bogus'],
    ['a field twice', '?dataset=a&dataset=b', csv, 'dataset'],
    ['a field twice, once in disguise', '?dataset=a&data%00set=b', csv, 'dataset'],
    ['a prototype', '?__pro%00to__=1', csv, '__proto__'],
    ['a name that is too long', `?dataset=${'d'.repeat(101)}`, csv, 'dataset'],
    ['a file as text', '?file=abc', csv, 'file'],
    ['a file and the sample', '?sample=1', csv, 'sample'],
    ['a sample that is none', '?sample=2', csv, 'sample'],
    ['a key that is too long', `?key=${'k'.repeat(201)}`, csv, 'key'],
    ['an unknown onConflict', '?onConflict=x', csv, 'onConflict'],
  ])('with %s is refused, and leaves nothing', async (_what, query, body, path) => {
    const response = await postCsv(`${url}${query}`, body);

    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors).toMatchObject([{ path }]);
    expect(await storedFiles(api.store)).toEqual({ files: 0, chunks: 0 });
  });

  test.each([
    ['what curl sends by itself', 'application/x-www-form-urlencoded'],
    ['JSON', 'application/json'],
    ['nothing known', 'garbage'],
  ])('as %s is refused, saying what to send', async (_what, type) => {
    const response = await postCsv(url, csv, { 'content-type': type });

    expect(response.status).toBe(415);
    expect((await problemOf(response)).detail).toMatch(/text\/csv|application\/json/);
  });

  test('for a job that takes no file, or that does not exist, is refused', async () => {
    const noFile = await postCsv(`${api.url}/tasks/noop`, csv);
    const noJob = await postCsv(`${api.url}/tasks/nonsense`, csv);

    expect([noFile.status, noJob.status]).toEqual([415, 404]);
    expect((await problemOf(noFile)).detail).toContain('POST /tasks');
  });
});

describe('a form', () => {
  test('from a browser leads to the page of its task', async () => {
    const response = await postForm(
      url,
      [
        ['file', ['orders.csv', csv]],
        ['dataset', ''],
        ['group', 'after the file'],
      ],
      { accept: 'text/html,*/*;q=0.8' },
    );

    const row = await api.store.db.prisma.taskState.findFirstOrThrow();
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe(`/tasks/${row.id}`);
    expect(row).toMatchObject({ title: 'Import orders', group: 'after the file' });
  });

  test('keeps every byte of its file, also boundaries of other forms and line ends', async () => {
    const content = '\r\n--\r\n--x--\r\n\r\n"a","b"\r\n';

    const task = await taskOf(await postForm(url, [['file', ['ä "quoted".csv', content]]]));

    const file = await fileOf(task.id);
    const chunk = await api.store.db.prisma.fileChunk.findFirstOrThrow({ where: { fileId: file.id } });
    expect(file.name).toBe('ä "quoted".csv'.replaceAll('"', '%22'));
    expect(Buffer.from(chunk.data).toString()).toBe(content);
  });

  test('may ask for the sample, as may a query, whatever the limit', async () => {
    const response = await postForm(url, [
      ['sample', '1'],
      ['dataset', ''],
    ]);
    const again = await fetch(`${url}?sample=1`, { method: 'POST' });

    const task = await taskOf(response);
    expect([response.status, again.status]).toEqual([202, 202]);
    expect(task.title).toContain('sample');
  });

  test.each([
    ['no file', [['dataset', 'x']], 'file'],
    ['an empty file', [['file', ['', '']]], 'file'],
    ['text for a file', [['file', 'hello']], 'file'],
    ['another file', [['other', ['a.csv', csv]]], 'other'],
    [
      'an unknown field',
      [
        ['bogus', '1'],
        ['file', ['a.csv', csv]],
      ],
      'bogus',
    ],
    [
      'an unknown field after the file',
      [
        ['file', ['a.csv', csv]],
        ['bogus', '1'],
      ],
      'bogus',
    ],
    [
      'a field twice',
      [
        ['dataset', 'a'],
        ['dataset', 'b'],
        ['file', ['a.csv', csv]],
      ],
      'dataset',
    ],
    [
      'a field that is too long',
      [
        ['file', ['a.csv', csv]],
        ['dataset', 'x'.repeat(17_000)],
      ],
      'dataset',
    ],
    [
      'two files',
      [
        ['file', ['a.csv', csv]],
        ['file', ['b.csv', csv]],
      ],
      'file',
    ],
    [
      'a prototype',
      [
        ['__proto__', 'x'],
        ['file', ['a.csv', csv]],
      ],
      '__proto__',
    ],
  ] as const)('with %s is refused, and leaves nothing', async (_what, fields, path) => {
    const response = await postForm(url, fields);

    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors?.map((error) => error.path)).toContain(path);
    expect(await storedFiles(api.store)).toEqual({ files: 0, chunks: 0 });
  });

  test('with two different keys is refused', async () => {
    const fields = [
      ['key', 'a'],
      ['file', ['a.csv', csv]],
    ] as const;

    const response = await postForm(url, fields, { 'idempotency-key': 'b' });

    expect(response.status).toBe(400);
    expect(await storedFiles(api.store)).toEqual({ files: 0, chunks: 0 });
  });

  test.each([
    ['no boundary', 'multipart/form-data', 'x', /boundary/],
    ['another boundary', 'multipart/form-data; boundary=x', '--y\r\n\r\n--y--\r\n', /closing boundary/],
    [
      'no end',
      'multipart/form-data; boundary=x',
      '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\na,b',
      /closing boundary/,
    ],
    ['a nameless part', 'multipart/form-data; boundary=x', '--x\r\n\r\nhello\r\n--x--\r\n', /name/],
    ['a broken header', 'multipart/form-data; boundary=x', '--x\r\nhello\r\n\r\n\r\n--x--\r\n', /colon/],
    [
      'headers without end',
      'multipart/form-data; boundary=x',
      `--x\r\n${'a: b\r\n'.repeat(3000)}`,
      /headers/,
    ],
    ['no form at all', 'multipart/form-data; boundary=x', 'y'.repeat(100_000), /before its first part/],
    [
      'more after its end',
      'multipart/form-data; boundary=x',
      `--x--${'y'.repeat(100_000)}`,
      /after its last one/,
    ],
  ])('with %s is refused, and leaves nothing', async (_what, type, body, detail) => {
    const response = await postCsv(url, body, { 'content-type': type });

    expect(response.status).toBe(400);
    expect((await problemOf(response)).detail).toMatch(detail);
    expect(await storedFiles(api.store)).toEqual({ files: 0, chunks: 0 });
  });
});
