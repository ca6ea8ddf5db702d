/** Detects the format of a file before its rows are read: encoding, delimiter and columns. */
import { columnNames } from './columns.ts';
import { detectDelimiter } from './delimiter.ts';
import { type CsvEncoding, detectEncoding } from './encoding.ts';
import { CsvFormatError } from './format-error.ts';
import { binaryFormatOf, textFormatOf } from './other-formats.ts';
import type { CsvPosition } from './position.ts';
import { readRecords } from './records.ts';
import { firstBytes, type OpenSource } from './source.ts';

/** All that the reader of rows must know about a file. Plain JSON, so that a checkpoint can hold it. */
export interface CsvFormat {
  encoding: CsvEncoding;
  /** Length of the byte order mark: 0, 2 or 3. */
  bomBytes: number;
  /** One ASCII character; `noDelimiter` if the file has one column. */
  delimiter: string;
  /** Names from the header row, at least one, all different and not empty. */
  columns: string[];
  /** The least number of fields in a row: a row may leave out the columns behind the last named one. */
  leastFields: number;
  /** The position after the header row. */
  firstRow: CsvPosition;
}

/** How many bytes the package `file-type` needs. */
const typeSampleBytes = 4100;
const delimiterSampleBytes = 64 * 1024;

/**
 * Detects how to read a file, in constant memory. Reads the whole file once if nothing less tells its
 * encoding (see `detectEncoding`), and then its beginning up to the end of the header row.
 *
 * The first line that is not empty is the header row.
 *
 * @throws {CsvFormatError} if the file has no usable header row; also any error that `open` throws
 */
export async function detectCsvFormat(open: OpenSource): Promise<CsvFormat> {
  refuse(await binaryFormatOf(await firstBytes(open(0), typeSampleBytes)));
  const { encoding, bomBytes } = await detectEncoding(open(0));

  const beginning = await firstBytes(open(bomBytes), delimiterSampleBytes);
  if (beginning.length === 0) throw new CsvFormatError('csv_empty', 'The file is empty.');
  const text = new TextDecoder(encoding, { ignoreBOM: true }).decode(beginning);
  refuse(textFormatOf(text));
  const { delimiter, skippedChars } = detectDelimiter(text, {
    isWhole: beginning.length < delimiterSampleBytes,
  });

  const bytesPerAsciiChar = encoding === 'utf-16le' || encoding === 'utf-16be' ? 2 : 1;
  const from = { byteOffset: bomBytes + skippedChars * bytesPerAsciiChar, line: skippedChars > 0 ? 2 : 1 };
  const header = await readHeader({ open, encoding, delimiter, from });
  return {
    encoding,
    bomBytes,
    delimiter,
    columns: columnNames(header.values),
    leastFields: countNamed(header.values),
    firstRow: header.end,
  };
}

function refuse(otherFormat: string | undefined): void {
  if (otherFormat === undefined) return;
  throw new CsvFormatError(
    'csv_other_format',
    `The file is not CSV: it looks like ${otherFormat}. Save the table as CSV, and send the CSV file.`,
  );
}

async function readHeader(
  options: Parameters<typeof readRecords>[0],
): Promise<{ values: string[]; end: CsvPosition }> {
  for await (const { records, sourceOffset } of readRecords(options)) {
    for (const record of records) {
      if ('reason' in record) {
        throw new CsvFormatError(
          'csv_header_unreadable',
          `The header row (line ${record.line}) ${record.reason}.`,
        );
      }
      if (record.isEmptyLine) continue;
      const end = { byteOffset: sourceOffset(record.end), line: record.nextLine, rows: 0, rejected: 0 };
      return { values: record.unspaced ?? record.values, end };
    }
  }
  throw new CsvFormatError('csv_empty', 'The file has only empty lines.');
}

/** The number of fields up to the last one that has a name; all fields if none has a name. */
function countNamed(header: readonly string[]): number {
  const named = header.findLastIndex((name) => name.trim() !== '') + 1;
  return named === 0 ? header.length : named;
}
