/** csv-parse, and what it is told of a file. */
import { type Options, Parser } from 'csv-parse';
import type { CsvEncoding } from './encoding.ts';
import { lineBreaks } from './line-breaks.ts';

/** A record as csv-parse read it: its fields, and the offset in the window after its line break. */
export interface ParsedRecord {
  values: string[];
  end: number;
}

/** csv-parse, fed by hand: bytes in, records out, and at any time how far it has come. */
export interface RecordParser {
  /** Reads on; returns the records that are now complete. The last three bytes wait for what follows. */
  feed(bytes: Buffer): ParsedRecord[];
  /** Offset of the next byte to feed. */
  cursor(): number;
  /** Offset at which the record that is being read begins. */
  recordStart(): number;
  /** Offset at which the field that is being read begins, or of the delimiter just before it. */
  fieldStart(): number;
}

/** What every reading of this file by csv-parse has in common. */
export function parserOptions(encoding: CsvEncoding, delimiter: string): Options {
  return {
    delimiter,
    // Windows-1252 is read as Latin-1, its closest relative among Buffer's encodings; see `textOf`.
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
 * The stream is used as a synchronous function: `on_record` keeps every record and hands nothing on, so that its
 * readable side is never full and each write is parsed before it returns. It is never ended either, as an end inside
 * quotes is an error that says nothing of where; whoever feeds it adds line breaks after the last byte instead.
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
      // csv-parse holds each record against the first in length and builds an error of 20 µs for each that
      // differs, wanted or not. A parser that has seen no record yet has nothing to compare with.
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

const c1Controls = /[\x80-\x9f]/g;

/** The 32 bytes in which Windows-1252 differs from Latin-1: WHATWG Encoding, index windows-1252. */
const windows1252 = new TextDecoder('windows-1252').decode(
  Uint8Array.from({ length: 32 }, (_, at) => 0x80 + at),
);

/** The text of a field as csv-parse gives it. */
export function textOf(encoding: CsvEncoding): (field: string) => string {
  if (encoding !== 'windows-1252') return (field) => field;
  return (field) => field.replace(c1Controls, (control) => windows1252.charAt(control.charCodeAt(0) - 0x80));
}
