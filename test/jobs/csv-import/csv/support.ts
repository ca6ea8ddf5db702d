import type { CsvEncoding } from '../../../../src/jobs/csv-import/csv/encoding.ts';
import { type CsvFormat, detectCsvFormat } from '../../../../src/jobs/csv-import/csv/format.ts';
import type { CsvPosition } from '../../../../src/jobs/csv-import/csv/position.ts';
import { type CsvItem, readCsv } from '../../../../src/jobs/csv-import/csv/read.ts';
import type { OpenSource } from '../../../../src/jobs/csv-import/csv/source.ts';

export const MB = 1024 * 1024;

export const twoColumns: CsvFormat = {
  encoding: 'utf-8',
  bomBytes: 0,
  delimiter: ',',
  columns: ['a', 'b'],
  leastFields: 2,
  firstRow: { byteOffset: 0, line: 1, rows: 0, rejected: 0 },
};

/** Patterns that make files hard to read when they are repeated. */
export const hardFiles: [what: string, pattern: string][] = [
  ['quoted fields with line breaks, without end', '"a\nb",'],
  ['text behind closing quotes', '"a\nx"y,'],
  ['quotes closed a line later', '"a\n",b"\n'],
  ['delimiters', ','],
  ['quotes', '"'],
  ['odd quotes', '"""\n"'],
  ['a quote and then line breaks', `"${'\n'.repeat(300_000)}`],
  ['line breaks', '\n'],
  ['one field a line', 'x\n'],
  ['unclosed quotes in every line', 'x,"y\n'],
];

/** A stored file that is read in chunks of the given sizes, in turn. */
export function fileOf(content: string | Buffer, chunkSizes: readonly number[] = [1000]): OpenSource {
  const bytes = Buffer.from(content);
  return async function* open(fromByte) {
    for (let at = fromByte, turn = 0; at < bytes.length; turn++) {
      const size = chunkSizes[turn % chunkSizes.length] ?? 1;
      yield bytes.subarray(at, at + size);
      at += size;
    }
  };
}

/**
 * The characters of Windows-1252 by their bytes. Its five undefined bytes are control characters, as in
 * browsers.
 */
export const windows1252Chars = new TextDecoder('windows-1252').decode(
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
);

export function encode(text: string, encoding: CsvEncoding): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text);
  if (encoding === 'utf-16le') return Buffer.from(text, 'utf16le');
  if (encoding === 'utf-16be') return Buffer.from(text, 'utf16le').swap16();
  return Buffer.from([...text].map((char) => windows1252Chars.indexOf(char)));
}

export interface Reading {
  items: CsvItem[];
  /** For each item, a function that returns the position after it. */
  positions: (() => CsvPosition)[];
  /** The position after the last batch. */
  end: CsvPosition;
}

export async function readAll(options: Parameters<typeof readCsv>[0]): Promise<Reading> {
  const reading: Reading = { items: [], positions: [], end: options.from ?? options.format.firstRow };
  for await (const batch of readCsv(options)) {
    reading.items.push(...batch.items);
    reading.positions.push(...batch.items.map((_, index) => () => batch.positionAfter(index)));
    reading.end = batch.position();
  }
  return reading;
}

/** Detects the format of a small file and reads it. */
export async function readFile(content: string | Buffer): Promise<Reading & { format: CsvFormat }> {
  const open = fileOf(content);
  const format = await detectCsvFormat(open);
  return { format, ...(await readAll({ open, format })) };
}

export function rowsOf(items: readonly CsvItem[]): string[][] {
  return items.flatMap((item) => (item.kind === 'row' ? [item.values] : []));
}

export function rejectionsOf(items: readonly CsvItem[]): string[] {
  return items.flatMap((item) => (item.kind === 'rejected' ? [`line ${item.line}: ${item.reason}`] : []));
}
