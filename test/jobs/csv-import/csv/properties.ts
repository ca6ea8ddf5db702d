/**
 * Properties of any file. `properties.test.ts` tries each a few times, and `properties.slow.test.ts` often.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { CsvEncoding } from '../../../../src/jobs/csv-import/csv/encoding.ts';
import { type CsvFormat, detectCsvFormat } from '../../../../src/jobs/csv-import/csv/format.ts';
import { CsvFormatError } from '../../../../src/jobs/csv-import/csv/format-error.ts';
import type { CsvPosition } from '../../../../src/jobs/csv-import/csv/position.ts';
import type { OpenSource } from '../../../../src/jobs/csv-import/csv/source.ts';
import { encode, fileOf, type Reading, readAll, rowsOf, windows1252Chars } from './support.ts';

const encodings: CsvEncoding[] = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'];
const allLineBreaks = ['\n', '\r\n', '\r'];

const delimiters = fc.constantFrom(',', ';', '\t', '|');
const lineBreaks = fc.constantFrom(...allLineBreaks);
const chunkSizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
/** From single bytes, where block boundaries split every character and CRLF, to more than the whole file. */
const blockSizes = fc.oneof(fc.integer({ min: 1, max: 16 }), fc.constant(65_536));

/** Text that the encoding can express, without U+0000 and lone surrogates, which the reader removes. */
function textIn(encoding: CsvEncoding) {
  const syntax = fc.constantFrom('"', ',', ';', '\t', '|', '\r', '\n', ' ', 'a', 'é');
  const any =
    encoding === 'windows-1252'
      ? fc.constantFrom(...windows1252Chars.slice(1))
      : fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((char) => char !== '\0');
  return fc.array(fc.oneof(syntax, any), { maxLength: 8 }).map((chars) => chars.join(''));
}

const tables = fc.constantFrom(...encodings).chain((encoding) =>
  fc.record({
    encoding: fc.constant(encoding),
    delimiter: delimiters,
    endings: fc.array(lineBreaks, { minLength: 1, maxLength: 4 }),
    endsWithBreak: fc.boolean(),
    quotesAll: fc.boolean(),
    rows: fc.integer({ min: 1, max: 4 }).chain((width) =>
      fc.array(fc.array(textIn(encoding), { minLength: width, maxLength: width }), {
        minLength: 1,
        maxLength: 8,
      }),
    ),
  }),
);

function quoted(value: string, mustBe: boolean): string {
  const isNeeded = mustBe || value.trim() === '' || /[",;\t|\r\n]/.test(value);
  return isNeeded ? `"${value.replaceAll('"', '""')}"` : value;
}

function formatFor(encoding: CsvEncoding, delimiter: string, width: number): CsvFormat {
  const columns = Array.from({ length: width }, (_, index) => `column_${index + 1}`);
  const firstRow = { byteOffset: 0, line: 1, rows: 0, rejected: 0 };
  return { encoding, bomBytes: 0, delimiter, columns, leastFields: width, firstRow };
}

/** Any table is read as it was written, in any encoding, with any line endings, in chunks of any size. */
export const anyTable = fc.asyncProperty(
  tables,
  chunkSizes,
  blockSizes,
  async (table, chunks, blockBytes) => {
    const { encoding, delimiter, endings, endsWithBreak, quotesAll, rows } = table;
    const lines = rows.map((row, index) => {
      const isLast = index === rows.length - 1;
      const ending = isLast && !endsWithBreak ? '' : endings[index % endings.length];
      return row.map((value) => quoted(value, quotesAll)).join(delimiter) + ending;
    });
    const file = encode(lines.join(''), encoding);
    const format = formatFor(encoding, delimiter, rows[0]?.length ?? 0);

    const { items, end } = await readAll({ open: fileOf(file, chunks), format, blockBytes });

    expect(items.filter(({ kind }) => kind === 'rejected')).toEqual([]);
    expect(rowsOf(items)).toEqual(rows);
    const breaks = lines.join('').match(/\r\n|\r|\n/g)?.length ?? 0;
    expect(end).toMatchObject({ byteOffset: file.length, line: 1 + breaks + (endsWithBreak ? 0 : 1) });
  },
);

/** Random text that is hardly ever a clean table. */
const disorder = fc.record({
  encoding: fc.constantFrom(...encodings),
  text: fc
    .array(
      fc.constantFrom(
        '"',
        '"',
        ',',
        '\n',
        '\r\n',
        '\r',
        'a',
        'é',
        '€',
        ' ',
        '\0',
        '""',
        '"\n',
        ',"',
        'a,b\n',
      ),
      {
        maxLength: 60,
      },
    )
    .map((parts) => parts.join('')),
});

/** From any position, reading gives the same items as if it had never stopped. */
export const anyPosition = fc.asyncProperty(
  disorder,
  fc.tuple(chunkSizes, chunkSizes),
  fc.tuple(blockSizes, blockSizes),
  async ({ encoding, text }, chunks, blocks) => {
    const file = encode(text, encoding);
    const format = formatFor(encoding, ',', 2);
    const whole = await readAll({ open: fileOf(file, chunks[0]), format, blockBytes: blocks[0] });

    for (const [index, position] of whole.positions.entries()) {
      const from: CsvPosition = JSON.parse(JSON.stringify(position()));
      const rest = await readAll({
        open: fileOf(file, chunks[1]),
        format,
        from,
        blockBytes: blocks[1],
      });

      expect(rest.items).toEqual(whole.items.slice(index + 1));
      expect(placesOf(rest)).toEqual(placesOf(whole).slice(index + 1));
      expect(rest.end).toEqual(whole.end);
    }
  },
);

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.array(
    fc.constantFrom(0, 9, 10, 13, 34, 34, 44, 59, 97, 0xc3, 0xa9, 0xef, 0xbb, 0xbf, 0xff, 0xfe, 0xd8),
    {
      maxLength: 200,
    },
  ),
);

/** Any bytes are read to their end, or refused with a CsvFormatError. */
export const anyBytes = fc.asyncProperty(
  bytes,
  chunkSizes,
  blockSizes,
  async (content, chunks, blockBytes) => {
    const open = fileOf(Buffer.from(content), chunks);
    const format = await formatOf(open);
    if (format === undefined) return;

    const reading = await readAll({ open, format, blockBytes });

    expectOrder(reading, content.length, format.columns.length);
  },
);

async function formatOf(open: OpenSource): Promise<CsvFormat | undefined> {
  try {
    return await detectCsvFormat(open);
  } catch (error) {
    expect(error).toBeInstanceOf(CsvFormatError);
    return undefined;
  }
}

function placesOf({ positions }: Reading): CsvPosition[] {
  return positions.map((position) => position());
}

function expectOrder(reading: Reading, fileBytes: number, width: number): void {
  const { items, end } = reading;
  const positions = placesOf(reading);
  let before = { byteOffset: -1, line: 0 };
  for (const [index, item] of items.entries()) {
    const position = positions[index] ?? before;
    expect(position.byteOffset).toBeGreaterThan(before.byteOffset);
    expect(position.line).toBeGreaterThan(item.line);
    expect(item.line).toBeGreaterThanOrEqual(before.line);
    if (item.kind === 'row') expect(item.values).toHaveLength(width);
    before = position;
  }
  expect(end.byteOffset).toBeLessThanOrEqual(fileBytes);
}
