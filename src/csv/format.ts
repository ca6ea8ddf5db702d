/** What must be known of a file before its rows can be read: encoding, delimiter and columns. */
import { columnNames } from './columns.ts';
import { detectDelimiter } from './delimiter.ts';
import { type CsvEncoding, detectEncoding } from './encoding.ts';
import { CsvFormatError } from './errors.ts';
import { otherFormatOf } from './other-formats.ts';
import type { CsvPosition } from './position.ts';
import { readRecords } from './records.ts';
import { firstBytes, type OpenSource } from './source.ts';

/** All that must be known of a file to read its rows. Plain JSON, so that it can lie in a checkpoint. */
export interface CsvFormat {
  encoding: CsvEncoding;
  /** Length of the byte order mark: 0, 2 or 3. */
  bomBytes: number;
  /** One ASCII character. */
  delimiter: string;
  /** Names from the header row, at least one, all different and not empty. */
  columns: string[];
  /** The place after the header row. */
  firstRow: CsvPosition;
}

const longestMagicBytes = 16;
const delimiterSampleBytes = 64 * 1024;

/**
 * Finds out how to read a file. Reads the whole of it once where only that can tell its encoding (see
 * `detectEncoding`), and then its beginning up to the end of the header row, in constant memory.
 *
 * The first line that is not empty is the header row.
 *
 * @throws {CsvFormatError} where there is no header row that could be used; and whatever `open` throws
 */
export async function detectCsvFormat(open: OpenSource): Promise<CsvFormat> {
  const otherFormat = otherFormatOf(await firstBytes(open(0), longestMagicBytes));
  if (otherFormat !== undefined) {
    throw new CsvFormatError(
      'csv_other_format',
      `The file is not CSV: it looks like ${otherFormat}. Save the table as CSV and send that.`,
    );
  }
  const { encoding, bomBytes } = await detectEncoding(open(0));

  const beginning = await firstBytes(open(bomBytes), delimiterSampleBytes);
  if (beginning.length === 0) throw new CsvFormatError('csv_empty', 'The file is empty.');
  const text = new TextDecoder(encoding, { ignoreBOM: true }).decode(beginning);
  const { delimiter, skippedChars } = detectDelimiter(text, {
    isWhole: beginning.length < delimiterSampleBytes,
  });

  const bytesPerAsciiChar = encoding === 'utf-16le' || encoding === 'utf-16be' ? 2 : 1;
  const from = { byteOffset: bomBytes + skippedChars * bytesPerAsciiChar, line: skippedChars > 0 ? 2 : 1 };
  const header = await readHeader({ open, encoding, delimiter, from });
  return { encoding, bomBytes, delimiter, columns: columnNames(header.values), firstRow: header.end };
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
      return { values: record.values, end };
    }
  }
  throw new CsvFormatError('csv_empty', 'The file has nothing but empty lines.');
}
