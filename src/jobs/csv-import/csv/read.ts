/** A CSV file as rows and rejections, from the first row or from where an earlier reading left off. */
import type { CsvFormat } from './format.ts';
import type { CsvPosition } from './position.ts';
import type { CsvRecord } from './record.ts';
import { type RecordBatch, readRecords } from './records.ts';
import type { OpenSource } from './source.ts';
import type { SourceOffset } from './window.ts';

export interface CsvRow {
  kind: 'row';
  /** Line on which the row starts, from 1. */
  line: number;
  /** As many as there are columns, in their order. */
  values: string[];
  /** Bytes of it were no characters of the file's encoding, or were lost before: they are U+FFFD now. */
  isDamaged?: true;
}

export interface CsvRejection {
  kind: 'rejected';
  /** Line on which it starts, from 1. */
  line: number;
  /** How many rejections this stands for: a run of empty lines is one item, everything else counts 1. */
  count: number;
  /** For people, to stand after "line 17: ": "has 5 fields instead of 7", "empty line". */
  reason: string;
  /** Nothing is lost with it. */
  isEmpty?: true;
}

export type CsvItem = CsvRow | CsvRejection;

/** What a piece of the file (64 KB at most, less where it is hard to read) gave, in the order of the file. */
export interface CsvBatch {
  /** Perhaps empty: also then there is a batch, so that the caller can see whether it was cancelled. */
  items: CsvItem[];
  /** Where to go on after an item (an index of `items`). Computed when asked. */
  positionAfter(index: number): CsvPosition;
  /** Where to go on after all items so far, those of earlier batches included. Computed when asked. */
  position(): CsvPosition;
}

export interface ReadCsvOptions {
  open: OpenSource;
  /** From `detectCsvFormat`, directly or through JSON. */
  format: CsvFormat;
  /** A position that a batch of the same file and format gave; default is the first row. */
  from?: CsvPosition | undefined;
  /** How many bytes of the file are parsed at a time; default 64 KB. Changes nothing but the size of batches. */
  blockBytes?: number | undefined;
}

/**
 * Reads the rows of a CSV file, from the first one or from where an earlier reading left off, without reading again
 * what lies before, and in constant memory. Reading from a position gives exactly what was still to come there.
 *
 * Grammar: RFC 4180, and beyond it any line break, the format's delimiter, quotes inside unquoted fields. Values are
 * text, free of U+0000 and lone surrogates. Blanks around quotes are no part of a value. Empty fields at the end of a
 * line may be more than there are columns; those of columns without a name may be left out.
 * What cannot be a row is rejected and never ends the reading: too few or too many fields, empty lines (but not those
 * at the end of the file), records over 1 MB, quotes that are not closed.
 * An error is only what `open` throws.
 */
export async function* readCsv(options: ReadCsvOptions): AsyncGenerator<CsvBatch> {
  const { open, format, blockBytes } = options;
  const { encoding, delimiter } = format;
  const from = options.from ?? format.firstRow;
  const collect = startCollecting(format, from);
  for await (const batch of readRecords({ open, encoding, delimiter, from, blockBytes }))
    yield collect(batch);
}

/** Empty lines, which are rejected as soon as something follows them. */
interface EmptyLines {
  line: number;
  nextLine: number;
  count: number;
  end: number;
  /** Of the batch in which they end, which may be long gone when they are rejected. */
  sourceOffset: SourceOffset;
}

/** Turns batches of records into batches of items, one after the other. */
function startCollecting(format: CsvFormat, from: CsvPosition): (batch: RecordBatch) => CsvBatch {
  let emptyLines: EmptyLines | undefined;
  let { rows, rejected } = from;
  let position = () => from;

  return ({ records, sourceOffset }) => {
    const items: CsvItem[] = [];
    const places: (CsvRecord | EmptyLines)[] = [];
    for (const record of records) {
      if (isEmptyLine(record)) {
        const { nextLine, end } = record;
        const { line, count } = emptyLines ?? { line: record.line, count: 0 };
        emptyLines = { line, nextLine, count: count + 1, end, sourceOffset };
        continue;
      }
      if (emptyLines !== undefined) {
        items.push(rejectionOf(emptyLines));
        places.push(emptyLines);
        emptyLines = undefined;
      }
      items.push(itemOf(record, format));
      places.push(record);
    }

    const before = { rows, rejected };
    const positionAfter = (index: number): CsvPosition => {
      const place = places[index];
      if (place === undefined) throw new RangeError(`no item ${index} in a batch of ${items.length}`);
      const toSource = 'sourceOffset' in place ? place.sourceOffset : sourceOffset;
      const counts = counted(items, index + 1);
      return {
        byteOffset: toSource(place.end),
        line: place.nextLine,
        rows: before.rows + counts.rows,
        rejected: before.rejected + counts.rejected,
      };
    };
    const all = counted(items, items.length);
    rows += all.rows;
    rejected += all.rejected;
    if (items.length > 0) position = () => positionAfter(items.length - 1);
    return { items, positionAfter, position };
  };
}

function isEmptyLine(record: CsvRecord): boolean {
  return 'isEmptyLine' in record && record.isEmptyLine;
}

function itemOf(record: CsvRecord, format: CsvFormat): CsvItem {
  const { line } = record;
  if ('reason' in record) return { kind: 'rejected', line, count: 1, reason: record.reason };
  const { values, unspaced } = record;
  const fitting = (unspaced && inColumns(unspaced, format)) ?? inColumns(values, format);
  if (fitting !== undefined) {
    const row: CsvRow = { kind: 'row', line, values: fitting };
    if (fitting.some((value) => value.includes('\ufffd'))) row.isDamaged = true;
    return row;
  }
  const fields = values.length === 1 ? '1 field' : `${values.length} fields`;
  return { kind: 'rejected', line, count: 1, reason: `has ${fields} instead of ${format.columns.length}` };
}

/** The fields as values of the columns; undefined where they do not fit. Only empty ones are added or left out. */
function inColumns(fields: string[], { columns, leastFields }: CsvFormat): string[] | undefined {
  const { length } = columns;
  if (fields.length === length) return fields;
  if (fields.length > length) {
    return fields.slice(length).every((field) => field.trim() === '') ? fields.slice(0, length) : undefined;
  }
  return fields.length >= leastFields ? [...fields, ...Array(length - fields.length).fill('')] : undefined;
}

function rejectionOf({ line, count }: EmptyLines): CsvRejection {
  const reason = count === 1 ? 'empty line' : `${count} empty lines`;
  return { kind: 'rejected', line, count, reason, isEmpty: true };
}

/** What the first `length` items are. */
function counted(items: readonly CsvItem[], length: number): { rows: number; rejected: number } {
  let rows = 0;
  let rejected = 0;
  for (let index = 0; index < length; index++) {
    const item = items[index];
    if (item?.kind === 'rejected') rejected += item.count;
    else rows++;
  }
  return { rows, rejected };
}
