/** Reads records from a window that grows, and skips records that cannot be read. */
import { cleanseText } from '../../../tasks/model/text.ts';
import type { CsvEncoding } from './encoding.ts';
import { afterLineBreak, countLineBreaks, hasLineBreak } from './line-breaks.ts';
import { lastMismatchedField } from './quotes.ts';
import type { CsvRecord } from './record.ts';
import { type ParsedRecord, type RecordParser, startParser } from './record-parser.ts';
import { mayBeSpaced, readSpacedQuotes } from './spaced-quotes.ts';
import { type StrictRecord, strictReader } from './strict-records.ts';
import { textOf } from './text.ts';
import type { SourceWindow } from './window.ts';

/**
 * The longest record, in bytes as parsed (UTF-16 counts as UTF-8). The limit also bounds how much an unclosed
 * quote can swallow before the reader notices.
 */
const maxRecordBytes = 1024 * 1024;

/**
 * How many bytes to read first after a record that is not strict, by csv-parse and then strictly; each further
 * piece is twice as long. Bytes beyond the records of interest are read again, so in a file full of such
 * records small pieces are faster: 30 µs for a record that is given up, but 125 µs when the first piece is 1
 * KB.
 */
const firstBytes = 64;

/** A longer record is left to csv-parse, because the strict reader begins again when a record is not whole. */
const maxStrictBytes = 16 * 1024;

/** After how many records of csv-parse at most the strict reader is tried again. */
const maxLenientRecords = 1024;

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
 * Starts reading at the beginning of a window, where a record starts, on line `line`. Strict records are read
 * without csv-parse; a record that is not strict, and perhaps some after it, with csv-parse.
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
  const readStrict = strictReader(encoding, delimiter);
  /** Undefined while records are read strictly. */
  let parser: RecordParser | undefined;
  let atMost = Number.POSITIVE_INFINITY;
  let strictAtMost = maxStrictBytes;
  /** The next record was not whole in the bytes that were read, and may continue in the next segment. */
  let isAcross = false;
  const turns = new Turns();
  /** Where the next record starts. */
  let start = 0;
  let line = options.line;
  let givenUp: GivenUp | undefined;

  function* read(isWhole: boolean): Generator<CsvRecord[]> {
    while (givenUp !== undefined || (parser?.cursor() ?? start) < window.end()) {
      if (givenUp !== undefined) {
        const record = endOf(givenUp, isWhole);
        yield record === undefined ? [] : [record];
        if (record === undefined) return;
      } else if (parser === undefined) {
        if (isAcross && !isWhole && window.end() < start + strictAtMost) return;
        const bytes = isAcross
          ? window.slice(start, Math.min(window.end(), start + strictAtMost))
          : window.read(start, strictAtMost);
        const isAtEnd = start + bytes.length === window.end();
        const { records, isRefused } = readStrict(bytes);
        if (records.length > 0) yield acceptedStrict(records);
        if (
          isRefused ||
          (records.length === 0 && (bytes.length === maxStrictBytes || (isWhole && isAtEnd)))
        ) {
          startLenient();
        } else {
          isAcross = records.length === 0;
          strictAtMost = Math.min(maxStrictBytes, 2 * (isAcross ? bytes.length : strictAtMost));
        }
      } else if (parser.cursor() === start + maxRecordBytes) {
        giveUp(parser.fieldStart(), tooLong(parser));
      } else {
        const room = start + maxRecordBytes - parser.cursor();
        const bytes = window.read(parser.cursor(), Math.min(room, atMost));
        atMost *= 2;
        const records = accepted(parser.feed(bytes));
        turns.lenient += records.length;
        if (turns.isStrictNext) parser = undefined;
        yield records;
      }
    }
  }

  /** Reads on with csv-parse, from the start of a record. */
  function startLenient(): RecordParser {
    const lenient = startParser(encoding, delimiter, start);
    parser = lenient;
    atMost = firstBytes;
    turns.beginLenient();
    // The next strict records are looked for in few bytes, too.
    strictAtMost = firstBytes;
    isAcross = false;
    return lenient;
  }

  function* readToEnd(): Generator<CsvRecord[]> {
    while (start < window.end()) {
      yield* read(true);
      if (start === window.end()) return;
      // What is left could not be read strictly.
      const lenient = parser ?? startLenient();
      const records = accepted(lenient.feed(finalLineBreaks));
      if (givenUp === undefined && start < window.end()) giveUp(lenient.fieldStart(), notClosed);
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
      const cleansed = values.map((value) => cleanseText(toText(value)));
      records.push(next(cleansed, end, spanning, values.some(mayBeSpaced)));
    }
    return records;
  }

  function acceptedStrict(strict: readonly StrictRecord[]): CsvRecord[] {
    const base = start;
    turns.strict += strict.length;
    return strict.map(({ values, end, hasQuotes }) =>
      hasQuotes
        ? next(values, base + end, values.filter(hasLineBreak), values.some(mayBeSpaced))
        : next(values, base + end, [], false),
    );
  }

  /** The record that begins at `start`; what follows begins at its end. */
  function next(values: string[], end: number, spanning: readonly string[], isSpaced: boolean): CsvRecord {
    const nextLine = line + 1 + spanning.reduce((sum, value) => sum + countLineBreaks(value), 0);
    const unspaced = spanning.length === 0 && isSpaced ? unspacedRecord(end) : undefined;
    const record = { line, nextLine, end, values, unspaced, isEmptyLine: isEmptyLine(values, end) };
    start = end;
    line = nextLine;
    return record;
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

  function tooLong(lenient: RecordParser): string {
    // Two bytes, because `fieldStart` may be the offset of the delimiter before the field.
    const field = window.slice(lenient.fieldStart(), lenient.fieldStart() + 2);
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
    parser = undefined;
    givenUp = undefined;
    return ended;
  }

  return {
    readOn: () => read(false),
    readToEnd,
    neededFrom: () => givenUp?.searchFrom ?? start,
  };
}

/**
 * Decides when csv-parse, which reads records that are not strict, has read enough of them. To start it takes
 * as long as it takes to read ten records. So each time that strict records were fewer than those before, it
 * keeps its turn for twice as many.
 */
class Turns {
  strict = 0;
  lenient = 0;
  private lenientAtLeast = 1;

  beginLenient(): void {
    const isSoon = this.strict < 8 * this.lenientAtLeast;
    this.lenientAtLeast = isSoon ? Math.min(maxLenientRecords, 2 * this.lenientAtLeast) : 1;
    this.strict = 0;
    this.lenient = 0;
  }

  get isStrictNext(): boolean {
    return this.lenient >= this.lenientAtLeast;
  }
}
