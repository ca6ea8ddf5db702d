import { describe, expect, it } from 'vitest';
import { detectCsvFormat } from '../../../../src/jobs/csv-import/csv/format.ts';
import { encode, fileOf, readFile, rowsOf } from './support.ts';

const detect = (content: string | Buffer) => detectCsvFormat(fileOf(content));

describe('detectCsvFormat', () => {
  it('describes a file in plain JSON', async () => {
    const format = await detect('\ufeffid;name\r\n1;Anna\r\n');

    expect(JSON.parse(JSON.stringify(format))).toEqual({
      encoding: 'utf-8',
      bomBytes: 3,
      delimiter: ';',
      columns: ['id', 'name'],
      leastFields: 2,
      firstRow: { byteOffset: 12, line: 2, rows: 0, rejected: 0 },
    });
  });

  it.each([
    ['an Excel file', '504b030414000600', 'an Excel or OpenDocument file'],
    ['a PDF document', '255044462d312e37', 'a PDF document'],
    ['a PNG image', '89504e470d0a1a0a0000000d49484452', 'a PNG image'],
  ])('says that %s is no CSV', async (_, start, words) => {
    await expect(detect(Buffer.from(start, 'hex'))).rejects.toMatchObject({
      name: 'CsvFormatError',
      code: 'csv_other_format',
      message: expect.stringContaining(words),
    });
  });

  it.each([
    ['nothing', '', 'The file is empty.'],
    ['a byte order mark', '\ufeff', 'The file is empty.'],
    ['a byte order mark of UTF-16', Buffer.of(0xff, 0xfe), 'The file is empty.'],
    ['line breaks', '\n\r\n\r', 'The file has only empty lines.'],
    ['white space', ' \n\t\n ', 'The file has only empty lines.'],
    ['zero bytes', '\0\0\0', 'The file has only empty lines.'],
    ["Excel's line", 'sep=;\r\n', 'The file has only empty lines.'],
  ])('says that a file with %s is empty', async (_, content, message) => {
    await expect(detect(content)).rejects.toMatchObject({
      name: 'CsvFormatError',
      code: 'csv_empty',
      message,
    });
  });

  it.each(['a,b', 'a,b\n', '\ufeffa,b\r\n', '\n\na,b\n\n'])(
    'finds no rows in a header alone: %j',
    async (content) => {
      const { format, items, end } = await readFile(content);

      expect(format.columns).toEqual(['a', 'b']);
      expect(items).toEqual([]);
      expect(end).toEqual(format.firstRow);
    },
  );

  it('reads a header that spans several lines, below empty lines', async () => {
    const { format, items } = await readFile('\r\n \r\n"a\r\nb",c\r\n1,2\r\n');

    expect(format.columns).toEqual(['a\r\nb', 'c']);
    expect(items).toEqual([{ kind: 'row', line: 5, values: ['1', '2'] }]);
  });

  it.each(['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'] as const)(
    "skips Excel's separator line in %s",
    async (encoding) => {
      const { format, items } = await readFile(encode('sep=|\r\nä|b,c\r\n1|2,5\r\n', encoding));

      expect(format).toMatchObject({ encoding, delimiter: '|', columns: ['ä', 'b,c'] });
      expect(items).toEqual([{ kind: 'row', line: 3, values: ['1', '2,5'] }]);
    },
  );

  it('removes characters from names that PostgreSQL cannot store', async () => {
    const { format } = await readFile(encode('\ufeffa\0b,\ud800\n1,2\n', 'utf-16le'));

    expect(format.columns).toEqual(['ab', '\ufffd']);
  });

  it('refuses a header whose quote is never closed', async () => {
    await expect(detect('id,"name\n1,Anna\n')).rejects.toMatchObject({
      code: 'csv_header_unreadable',
      message: 'The header row (line 1) has a quote that is opened but not closed.',
    });
    await expect(detect('x'.repeat(2_000_000))).rejects.toMatchObject({
      message: 'The header row (line 1) is longer than 1 MB.',
    });
  });

  it('reads invalid bytes as U+FFFD in a file with the byte order mark of UTF-8', async () => {
    const { items } = await readFile(Buffer.concat([Buffer.from('\ufeffa\n1'), Buffer.of(0xe9, 0x0a)]));

    expect(rowsOf(items)).toEqual([['1\ufffd']]);
  });
});
