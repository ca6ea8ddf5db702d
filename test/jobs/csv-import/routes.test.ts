/** GET /datasets/:id */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { beginImport, insertRows, publish } from '../../../src/jobs/csv-import/datasets.ts';
import { RowLines } from '../../../src/jobs/csv-import/row-lines.ts';
import { newId } from '../../../src/tasks/model/ids.ts';
import { problemOf, startApi, type TestApi } from '../../support/api.ts';

let api: TestApi;
let url: string;
beforeAll(async () => {
  api = await startApi();
  const [id, importId] = [newId(), newId()];
  const columns = ['name', '__proto__', 'city'];
  const rows = Array.from({ length: 1200 }, (_, index) => [`row ${index + 1}`, 'p', '<b>']);
  const lines = new RowLines(columns);
  for (const row of rows) lines.add(row);
  await api.store.db.prisma.$transaction(async (tx) => {
    await beginImport(tx, importId);
    await insertRows(tx, { importId, firstNumber: 1, lines: lines.take() });
    await publish(tx, { id, name: 'people', columns, rowCount: rows.length, importId });
  });
  url = `${api.url}/datasets/${id}`;
});
afterAll(() => api.close());

test.each([
  ['', 50],
  ['?rows=', 50],
  ['?rows=0', 0],
  ['?rows=7', 7],
  ['?rows=1000', 1000],
])('%j shows the first rows', async (query, count) => {
  const response = await fetch(`${url}${query}`);

  const dataset = (await response.json()) as { rows: { name: string }[] };
  expect(dataset).toMatchObject({ name: 'people', rowCount: 1200, columns: ['name', '__proto__', 'city'] });
  expect(dataset.rows).toHaveLength(count);
  expect(dataset.rows[0]?.name).toBe(count === 0 ? undefined : 'row 1');
});

test('is a page for people', async () => {
  const response = await fetch(url, { headers: { accept: 'text/html' } });

  const page = await response.text();
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  expect(page).toContain('row 50');
  expect(page).not.toContain('<b>');
});

test.each([
  ['?rows=1001', 'rows'],
  ['?rows=-1', 'rows'],
  ['?rows=1.5', 'rows'],
  ['?rows=many', 'rows'],
  ['?rows=1&rows=2', 'rows'],
  ['?limit=1', 'limit'],
])('%j is refused', async (query, path) => {
  const response = await fetch(`${url}${query}`);

  expect(response.status).toBe(400);
  expect((await problemOf(response)).errors).toMatchObject([{ path }]);
});

test('an unknown id, an id that is no UUID and an unacceptable media type are refused', async () => {
  const unknown = await fetch(`${api.url}/datasets/${newId()}`);
  const noId = await fetch(`${api.url}/datasets/people`);
  const asCsv = await fetch(url, { headers: { accept: 'text/csv' } });

  expect([unknown.status, noId.status, asCsv.status]).toEqual([404, 400, 406]);
  expect((await problemOf(unknown)).type).toBe('/problems/unknown-dataset');
});
