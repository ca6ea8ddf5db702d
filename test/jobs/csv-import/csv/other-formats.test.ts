import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { detectCsvFormat } from '../../../../src/jobs/csv-import/csv/format.ts';
import { encode, fileOf } from './support.ts';

const binary = (hex: string, bytes = 600) => Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(bytes)]);

describe('a file that is no table', () => {
  it.each([
    ['a web page', '<!DOCTYPE html>\n<html><head><title>Sign in</title>', 'a web page (HTML)'],
    ['a web page without its type', '\n  <html lang="en">\n<body>a, b, c</body>', 'a web page (HTML)'],
    ['a web page behind a byte order mark', '\ufeff<!doctype HTML><html>', 'a web page (HTML)'],
    ['XML', '<?xml version="1.0"?>\n<rows><row a="1"/></rows>', 'XML'],
    ['XML without a declaration', '<rows>\n<row a="1"/>\n</rows>', 'XML'],
    ['JSON', '{"a": 1, "b": [1, 2]}', 'JSON'],
    ['a JSON array', '[\n  {"a": 1},\n  {"a": 2}\n]', 'JSON'],
    ['JSON lines', '{"a":1}\n{"a":2}\n', 'JSON'],
    ['Rich Text', '{\\rtf1\\ansi a,b}', 'Rich Text'],
    ['a contact', 'BEGIN:VCARD\nFN:Ada\nEND:VCARD', 'contact'],
    ['XML in UTF-16', encode('\ufeff<?xml version="1.0"?><a/>', 'utf-16le'), 'XML'],
    ['gzip', gzipSync('a,b\n1,2\n'), 'a gzip archive'],
    ['7-Zip', binary('377abcaf271c'), '7z'],
    ['xz', binary('fd377a585a00'), 'xz'],
    ['bzip2', binary('425a6839314159265359'), 'bz2'],
    ['RAR', binary('526172211a0700'), 'rar'],
    ['Zstandard', binary('28b52ffd'), 'zst'],
    ['a tar archive', tar(), 'tar'],
    ['Parquet', binary('50415231'), 'parquet'],
    ['an SQLite database', binary('53514c69746520666f726d6174203300'), 'an SQLite database'],
  ])('is refused with a message that names its format: %s', async (_, content, words) => {
    await expect(detectCsvFormat(fileOf(content))).rejects.toMatchObject({
      name: 'CsvFormatError',
      code: 'csv_other_format',
      message: expect.stringContaining(words),
    });
  });

  it.each([
    ['the mark of a bitmap', 'BMI,weight\n22,70\n'],
    ['the mark of a program', 'MZ,b\n1,2\n'],
    ['the mark of an MP3', 'ID3,b\n1,2\n'],
    ['brackets around names', '[id],[name]\n1,2\n'],
    ['a smaller-than sign', '<5,5-10,>10\n1,2,3\n'],
    ['a brace', '{id},{name}\n1,2\n'],
  ])('is not seen in a table whose header begins with %s', async (_, content) => {
    const { columns } = await detectCsvFormat(fileOf(content));

    expect(columns.length).toBeGreaterThan(1);
  });
});

function tar(): Buffer {
  const header = Buffer.alloc(512);
  header.write('a.csv', 0);
  header.write('0000644\0', 100);
  header.write('00000000010\0', 124);
  header.write('        ', 148);
  header.write('ustar\0', 257);
  header.write('00', 263);
  header.write(
    header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0'),
    148,
  );
  return header;
}
