/** Runs csv-parse with the options for a file. */
import { type Options, Parser } from 'csv-parse';
import type { CsvEncoding } from './encoding.ts';
import { lineBreaks } from './line-breaks.ts';

/** A record as csv-parse read it: its fields, and the offset in the window after its line break. */
export interface ParsedRecord {
  values: string[];
  end: number;
}

/** A csv-parse that the caller feeds with bytes, and that returns records and tells how far it has read. */
export interface RecordParser {
  /**
   * Parses bytes and returns the records that are now complete. csv-parse holds the last three bytes back.
   */
  feed(bytes: Buffer): ParsedRecord[];
  /** Offset of the next byte to feed. */
  cursor(): number;
  /** Offset at which the current record begins. */
  recordStart(): number;
  /** Offset at which the current field begins, or of the delimiter just before it. */
  fieldStart(): number;
}

/** The options of csv-parse that every parse of a file uses. */
export function parserOptions(encoding: CsvEncoding, delimiter: string): Options {
  return {
    delimiter,
    // Windows-1252 is read as Latin-1, the most similar encoding that Buffer knows; `textOf` corrects the
    // difference.
    encoding: encoding === 'windows-1252' ? 'latin1' : 'utf8',
    record_delimiter: lineBreaks,
    // Spreadsheets write 5" pipe without quoting it; RFC 4180, section 2, rule 5, would refuse the file.
    relax_quotes: true,
    relax_column_count: true,
  };
}

/**
 * Starts csv-parse at an offset of the window, at the start of a record.
 *
 * The stream is used as a synchronous function. `on_record` keeps each record and passes none on, so the
 * readable side never fills up, and each write is parsed before it returns. The stream is never ended,
 * because an end inside quotes is an error that does not tell the place; instead, the caller feeds line
 * breaks after the last byte.
 */
export function startParser(encoding: CsvEncoding, delimiter: string, offset: number): RecordParser {
  let records: ParsedRecord[] = [];
  let recordStart = offset;
  let cursor = offset;
  const parser = new Parser({
    ...parserOptions(encoding, delimiter),
    on_record(values: string[], { bytes }) {
      recordStart = offset + bytes;
      records.push({ values, end: recordStart });
      // csv-parse compares the length of each record with the first one, and builds an error, which takes 20
      // µs, for each that differs, even if nobody wants it. A parser that has seen no record yet does not
      // compare.
      Object.assign(parser.info, { records: 0 });
      return undefined;
    },
  });

  return {
    feed(bytes) {
      parser.write(bytes);
      cursor += bytes.length;
      const complete = records;
      records = [];
      return complete;
    },
    cursor: () => cursor,
    recordStart: () => recordStart,
    fieldStart: () => Math.max(recordStart, offset + parser.info.bytes),
  };
}
