/** Reads records from a window that grows, and skips records that cannot be read. */
import { cleanseText } from '../../../tasks/model/text.ts';
import type { CsvEncoding } from './encoding.ts';
import { afterLineBreak, countLineBreaks, hasLineBreak } from './line-breaks.ts';
import { lastMismatchedField } from './quotes.ts';
import type { CsvRecord } from './record.ts';
import { type ParsedRecord, startParser, textOf } from './record-parser.ts';
import { mayBeSpaced, readSpacedQuotes } from './spaced-quotes.ts';
import type { SourceWindow } from './window.ts';

/**
 * The longest record, in bytes as parsed (UTF-16 counts as UTF-8). The limit also bounds how much an unclosed
 * quote can swallow before the reader notices.
 */
const maxRecordBytes = 1024 * 1024;

/**
 * How many bytes to parse first after a record was given up; each further piece is twice as long. Bytes that
 * were parsed beyond a record that is given up are parsed again, so in a file full of such records small
 * pieces are faster: 30 µs per record, but 125 µs when the first piece is 1 KB.
 */
const firstBytesAfterGivingUp = 64;

/** Fed after the last byte: the first break ends the last record, and the others make csv-parse return it. */
const finalLineBreaks = Buffer.from('\n'.repeat(8));

const notClosed = 'has a quote that is opened but not closed';
const longerThanLimit = 'is longer than 1 MB';

/**
 * Reads records from a window that grows. Both generators yield the records of one piece of the window at a
 * time, perhaps none, and may be suspended between pieces.
 */
export interface RecordReader {
  /** The records that are complete by now. */
  readOn(): Generator<CsvRecord[]>;
  /** The remaining records. Call once, when the window has the whole rest of the file. */
  readToEnd(): Generator<CsvRecord[]>;
  /** The window may forget all bytes before this offset. */
  neededFrom(): number;
}

/** A record that was given up, while the reader looks for the line break after which to continue. */
interface GivenUp {
  reason: string;
  nextLine: number;
  searchFrom: number;
}

/**
 * Starts reading at the beginning of a window, where a record starts, on line `line`.
 *
 * A record that cannot be read (over 1 MB, or with a quote that is not closed) is given up as soon as this is
 * certain. Reading goes on after the first line break in its last field, which is the field with the quote.
 * So an unclosed quote costs only its own line, and not the lines that it swallowed. The reader cannot loop:
 * lines inside an unclosed quote have only pairs of quotes, which cannot stay open again, so each byte is
 * parsed at most a few times.
 */
export function startRecordReader(options: {
  window: SourceWindow;
  encoding: CsvEncoding;
  delimiter: string;
  line: number;
}): RecordReader {
  const { window, encoding, delimiter } = options;
  const toText = textOf(encoding);
  let parser = startParser(encoding, delimiter, 0);
  let atMost = Number.POSITIVE_INFINITY;
  /** Where the next record starts. */
  let start = 0;
  let line = options.line;
  let givenUp: GivenUp | undefined;

  function* read(isWhole: boolean): Generator<CsvRecord[]> {
    while (givenUp !== undefined || parser.cursor() < window.end()) {
      if (givenUp !== undefined) {
        const record = endOf(givenUp, isWhole);
        yield record === undefined ? [] : [record];
        if (record === undefined) return;
      } else if (parser.cursor() === start + maxRecordBytes) {
        giveUp(parser.fieldStart(), tooLong());
      } else {
        const room = start + maxRecordBytes - parser.cursor();
        const bytes = window.read(parser.cursor(), Math.min(room, atMost));
        atMost *= 2;
        yield accepted(parser.feed(bytes));
      }
    }
  }

  function* readToEnd(): Generator<CsvRecord[]> {
    while (start < window.end()) {
      yield* read(true);
      if (start === window.end()) return;
      const records = accepted(parser.feed(finalLineBreaks));
      if (givenUp === undefined && start < window.end()) giveUp(parser.fieldStart(), notClosed);
      yield records;
    }
  }

  function accepted(parsed: ParsedRecord[]): CsvRecord[] {
    const records: CsvRecord[] = [];
    for (const { values, end: parsedEnd } of parsed) {
      // The records that are left were made by the final line breaks.
      if (start === window.end()) break;
      const end = Math.min(parsedEnd, window.end());
      const spanning = values.filter(hasLineBreak);
      const mismatched = spanning.some((value) => value.startsWith('"'))
        ? lastMismatchedField(window.slice(start, end), encoding, delimiter)
        : undefined;
      if (mismatched !== undefined) {
        giveUp(start + mismatched, notClosed);
        break;
      }
      const nextLine = line + 1 + spanning.reduce((sum, value) => sum + countLineBreaks(value), 0);
      const cleansed = values.map((value) => cleanseText(toText(value)));
      const unspaced = spanning.length === 0 && values.some(mayBeSpaced) ? unspacedRecord(end) : undefined;
      records.push({
        line,
        nextLine,
        end,
        values: cleansed,
        unspaced,
        isEmptyLine: isEmptyLine(cleansed, end),
      });
      start = end;
      line = nextLine;
    }
    return records;
  }

  /** The record that begins at `start`. */
  function unspacedRecord(end: number): string[] | undefined {
    const bytes = window.slice(start, end);
    const text = toText(bytes.toString(encoding === 'windows-1252' ? 'latin1' : 'utf8'));
    return readSpacedQuotes(text, delimiter)?.map(cleanseText);
  }

  function isEmptyLine(values: string[], end: number): boolean {
    if (values.length !== 1 || values[0]?.trim() !== '') return false;
    // A quoted empty value ("") is a value: a file with one column has no other way to write it.
    return !window.slice(start, end).includes('"');
  }

  function giveUp(fieldStart: number, reason: string): void {
    const breaksBefore = countLineBreaks(window.slice(start, fieldStart).toString('latin1'));
    givenUp = { reason, nextLine: line + breaksBefore + 1, searchFrom: fieldStart };
  }

  function tooLong(): string {
    // Two bytes, because `fieldStart` may be the offset of the delimiter before the field.
    const field = window.slice(parser.fieldStart(), parser.fieldStart() + 2);
    return field.includes('"') ? `${notClosed} within 1 MB` : longerThanLimit;
  }

  /** Continues after a record that was given up; undefined if its end is not in the window yet. */
  function endOf(record: GivenUp, isWhole: boolean): CsvRecord | undefined {
    const found = afterLineBreak(window.slice(record.searchFrom, window.end()), 0);
    if (found === undefined && !isWhole) {
      // The last byte may be a CR, whose LF may come with the next block.
      record.searchFrom = Math.max(record.searchFrom, window.end() - 1);
      return undefined;
    }
    const ended = { line, nextLine: record.nextLine, end: window.end(), reason: record.reason };
    if (found !== undefined) ended.end = record.searchFrom + found;
    start = ended.end;
    line = ended.nextLine;
    parser = startParser(encoding, delimiter, start);
    atMost = firstBytesAfterGivingUp;
    givenUp = undefined;
    return ended;
  }

  return {
    readOn: () => read(false),
    readToEnd,
    neededFrom: () => givenUp?.searchFrom ?? start,
  };
}
