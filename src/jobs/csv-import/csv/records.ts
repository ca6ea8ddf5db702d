/** Reads a file as batches of records, block by block. */
import type { CsvEncoding } from './encoding.ts';
import type { CsvRecord } from './record.ts';
import { startRecordReader } from './record-reader.ts';
import { blocksOf, defaultBlockBytes, type OpenSource } from './source.ts';
import { openWindow, type SourceOffset } from './window.ts';

export interface RecordBatch {
  records: CsvRecord[];
  /**
   * Maps the `end` of a record of this batch, or of an earlier record that was unfinished, to an offset in
   * the file.
   */
  sourceOffset: SourceOffset;
}

export interface ReadRecordsOptions {
  open: OpenSource;
  encoding: CsvEncoding;
  delimiter: string;
  /** The start of a record, after any byte order mark. */
  from: { byteOffset: number; line: number };
  /** How many bytes of the file are parsed at a time; default 64 KB. */
  blockBytes?: number | undefined;
}

/**
 * Splits a file into records in constant memory, with at least one batch, perhaps empty, for each block of
 * the file. Where records begin and end depends only on the bytes, not on the size of the stream's chunks nor
 * on where reading began.
 */
export async function* readRecords(options: ReadRecordsOptions): AsyncGenerator<RecordBatch> {
  const { open, encoding, delimiter, from, blockBytes = defaultBlockBytes } = options;
  const window = openWindow(encoding, from.byteOffset);
  const reader = startRecordReader({ window, encoding, delimiter, line: from.line });
  for await (const block of blocksOf(open(from.byteOffset), blockBytes)) {
    window.append(block);
    yield* batches(reader.readOn());
  }
  window.finish();
  yield* batches(reader.readToEnd());

  function* batches(pieces: Generator<CsvRecord[]>): Generator<RecordBatch> {
    for (const records of pieces) {
      yield { records, sourceOffset: window.sourceOffsets() };
      window.forget(reader.neededFrom());
    }
  }
}
