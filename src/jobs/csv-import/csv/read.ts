/** Reads a CSV file as rows and rejections, from the first row or from the position of an earlier reading. */
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
  /** One value for each column, in the order of the columns. */
  values: string[];
  /**
   * The row contains U+FFFD: some bytes were invalid in the file's encoding, or the file already contained
   * U+FFFD.
   */
  isDamaged?: true;
}

export interface CsvRejection {
  kind: 'rejected';
  /** Line on which the rejected record starts, from 1. */
  line: number;
  /**
   * How many lines were rejected: a run of empty lines is one item with their number, any other item counts
   * 1.
   */
  count: number;
  /** Text for people that follows "line 17: ", such as "has 5 fields instead of 7" or "empty line". */
  reason: string;
  /** The rejection stands for empty lines, so no data is lost. */
  isEmpty?: true;
}

export type CsvItem = CsvRow | CsvRejection;

/**
 * The rows and rejections of a piece of the file, in the order of the file. A piece is at most 64 KB, and
 * smaller after a record that could not be read.
 */
export interface CsvBatch {
  /** May be empty. The caller gets such batches, too, so that it can check often whether it was cancelled. */
  items: CsvItem[];
  /** The position after an item, given by its index in `items`. Computed when called. */
  positionAfter(index: number): CsvPosition;
  /** The position after all items so far, those of earlier batches included. Computed when called. */
  position(): CsvPosition;
}

export interface ReadCsvOptions {
  open: OpenSource;
  /** The result of `detectCsvFormat`, directly or after a way through JSON. */
  format: CsvFormat;
  /** Where to start: a position from a batch of the same file and format. Default: the first row. */
  from?: CsvPosition | undefined;
  /** How many bytes of the file are parsed at a time; default 64 KB. Changes only the size of batches. */
  blockBytes?: number | undefined;
}

/**
 * Reads the rows of a CSV file in constant memory, from the first row or from a position of an earlier
 * reading. A reading that starts at a position does not read the part before it, and gives exactly the items
 * that followed there.
 *
 * Grammar: RFC 4180, and in addition any kind of line break, the format's delimiter, and quotes inside
 * unquoted fields. Values are text without U+0000 and lone surrogates. Blanks around quotes are not part of a
 * value. A line may have additional empty fields at its end, and may leave out the fields of unnamed columns
 * at its end.
 *
 * A record that cannot be a row is rejected, and the reading goes on: too few or too many fields, empty lines
 * (except those at the end of the file), records over 1 MB, quotes that are not closed. The only errors
 * thrown are those of `open`.
 */
export async function* readCsv(options: ReadCsvOptions): AsyncGenerator<CsvBatch> {
  const { open, format, blockBytes } = options;
  const { encoding, delimiter } = format;
  const from = options.from ?? format.firstRow;
  const collect = startCollecting(format, from);
  for await (const batch of readRecords({ open, encoding, delimiter, from, blockBytes }))
    yield collect(batch);
}

/** A run of empty lines. It becomes a rejection when a record follows, and none at the end of the file. */
interface EmptyLines {
  line: number;
  nextLine: number;
  count: number;
  end: number;
  /** The offset mapping of the batch in which the run ends; the rejection may belong to a later batch. */
  sourceOffset: SourceOffset;
}

/**
 * Returns a function that turns each batch of records into a batch of items. Call it in the order of the
 * file.
 */
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

/**
 * The fields as values of the columns, with empty fields added or removed at the end; undefined if they do
 * not fit.
 */
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

/** Counts the rows and the rejections among the first `length` items. */
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
