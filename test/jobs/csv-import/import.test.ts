/** The job that imports CSV files, run by a real runner. */
import { describe, expect, it } from 'vitest';
import { Upload } from '../../../src/tasks/files/files.ts';
import type { Task } from '../../support/service.ts';
import { isFinished } from '../../support/task-states.ts';
import { useService } from '../../support/use-service.ts';

const service = useService();
/** Sends a file to a dataset and waits for the end of its import. */
async function importFile(content: string | Buffer, dataset: string, options: object = {}): Promise<Task> {
  const upload = await Upload.begin(service.store, { name: 'file.csv', contentType: 'text/csv' });
  await upload.write(Buffer.from(content));
  const input = { file: upload.id, dataset, ...options };
  const file = { ...(await upload.finish()), field: 'file' };
  const { id } = await service.submit('csv-import', input, { upload: file });
  return service.waitFor(id, isFinished);
}

/** The values of a dataset, row by row; undefined if there is no such dataset. */
async function rowsIn(name: string): Promise<unknown[][] | undefined> {
  const dataset = await service.store.db.prisma.dataset.findUnique({ where: { name } });
  if (dataset === null) return undefined;
  const rows = await service.store.db.prisma.datasetRow.findMany({
    where: { importId: dataset.importId },
    orderBy: { number: 'asc' },
  });
  return rows.map(({ data }) => Object.values(data as object));
}

const result = ({ result }: Task) => result as Record<string, unknown>;
const error = ({ error }: Task) => error as { code: string; message: string };

describe('an import that would import nothing', () => {
  it.each([
    ['lines with another number of fields', 'a,b\n1,2,3\n', 'line 2 has 3 fields instead of 2'],
    ['a title above the header', 'Sales of 2026, all shops\na;b;c\n1;2;3\n', 'Sales of 2026, all shops'],
    ['a title of words', 'All our sales\na,b\n1,2\n3,4\n', '"All our sales", "a,b", "1,2"'],
  ])('fails and leaves the dataset as it was: %s', async (name, content, words) => {
    await importFile('a,b\n1,2\n', name);

    const task = await importFile(content, name);

    expect(task).toMatchObject({ status: 'failed', attempt: 1 });
    expect(error(task)).toMatchObject({
      code: 'csv_too_many_rejected',
      message: expect.stringContaining(words),
    });
    expect(error(task).message).toContain('If a dataset of this name exists, it has not changed.');
    expect(await rowsIn(name)).toEqual([['1', '2']]);
  });

  it('tells which header, delimiter and encoding were detected', async () => {
    const { message } = error(await importFile('a;b\n1;2;3\n', 'words'));

    expect(message).toContain('A semicolon was taken for the delimiter');
    expect(message).toContain('2 columns: "a", "b"; the encoding is utf-8.');
  });
});

describe('lines that are rejected', () => {
  const oneOfThree = 'a,b\n1,2\n3,4\n5\n';
  const twoOfThree = 'a,b\n1,2\n3\n5\n';

  it.each([
    ['half of all by default', oneOfThree, undefined, 'succeeded'],
    ['no more than half by default', twoOfThree, undefined, 'failed'],
    ['a share', twoOfThree, '70%', 'succeeded'],
    ['no more than the share', oneOfThree, '33%', 'failed'],
    ['a number that is given as text', oneOfThree, '1', 'succeeded'],
    ['no more than the number', twoOfThree, 1, 'failed'],
    ['none, for the number 0', oneOfThree, 0, 'failed'],
  ])('may be %s', async (_, content, maxRejected, status) => {
    const task = await importFile(content, `limits ${maxRejected} ${content.length}`, { maxRejected });

    expect(task.status).toBe(status);
  });

  it('do not include empty lines', async () => {
    const task = await importFile('a,b\n\n\n\n1,2\n\n\n3,4\n', 'double-spaced');

    expect(result(task)).toMatchObject({ imported: 2, rejected: 5 });
  });
});

describe('the result', () => {
  it('names the encoding and the delimiter', async () => {
    const file = Buffer.from('na\xefve;b\n1;2\n', 'latin1');

    expect(result(await importFile(file, 'named'))).toMatchObject({
      encoding: 'windows-1252',
      delimiter: ';',
      damaged: 0,
    });
  });

  it('names no delimiter if there is one column', async () => {
    const task = await importFile('path\na|b\nc|d\n', 'one column');

    expect(result(task)).toMatchObject({ delimiter: null, columns: ['path'], imported: 2, rejected: 0 });
    expect(await rowsIn('one column')).toEqual([['a|b'], ['c|d']]);
  });

  it('names the lines with characters that could not be read', async () => {
    const file = Buffer.concat([
      Buffer.from('a,b\né,1\n'),
      Buffer.from('\xff,2\n', 'latin1'),
      Buffer.from('é,3\n'),
    ]);

    const task = await importFile(file, 'damaged');

    expect(result(task)).toMatchObject({ encoding: 'utf-8', imported: 3, damaged: 1, damagedLines: [3] });
    expect(await rowsIn('damaged')).toEqual([
      ['é', '1'],
      ['\ufffd', '2'],
      ['é', '3'],
    ]);
  });

  it('of a file with only a header is an empty dataset', async () => {
    const task = await importFile('a,b\n', 'empty');

    expect(task).toMatchObject({ status: 'succeeded', result: { imported: 0, rejected: 0 } });
    expect(await rowsIn('empty')).toEqual([]);
  });
});

it('a file that is no table fails with a message that names its format', async () => {
  const task = await importFile('<!DOCTYPE html>\n<title>Sign in</title>\n', 'page');

  expect(error(task)).toMatchObject({
    code: 'csv_other_format',
    message: expect.stringContaining('a web page (HTML)'),
  });
  expect(await rowsIn('page')).toBeUndefined();
});
