/** Imports an uploaded CSV file into a dataset: each row exactly once, even if processes die on the way. */
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { cleanseAndCut } from '../../tasks/model/text.ts';
import { defineJob } from '../define-job.ts';
import { PermanentError } from '../errors.ts';
import type { JobFile, TaskContext, Transaction } from '../task-context.ts';
import { noDelimiter } from './csv/delimiter.ts';
import { beginningOf, describeFormat } from './csv/describe.ts';
import { type CsvFormat, detectCsvFormat } from './csv/format.ts';
import { CsvFormatError } from './csv/format-error.ts';
import type { CsvPosition } from './csv/position.ts';
import { type CsvItem, readCsv } from './csv/read.ts';
import { beginImport, DatasetIdTaken, datasetIdFor, insertRows, publish } from './datasets.ts';
import { RowLines } from './row-lines.ts';

/**
 * A batch commits together with its checkpoint when it has this many rows or bytes. One batch is written
 * while the next is read. To write one takes about 50 ms, so that checkpoints stay frequent even where the
 * database is ten times slower. With batches of half this size an import takes a tenth longer.
 */
const batchRows = 4_000;
const batchBytes = 1024 * 1024;
const listedLines = 100;
const maxReasonLength = 200;
const maxNameLength = 100;

const rejectedLine = z.object({ line: z.int(), reason: z.string() });

/**
 * An import fails as misread when more lines than this are rejected, as a share of all lines that are not
 * empty.
 */
const defaultMaxRejected = '50%';
const maxRejectedExpected = 'a number of lines such as 100, or a share such as "5%"';

/** The checkpoint: all that another attempt needs to know to import the rest of the file. */
interface ImportState {
  readonly format: CsvFormat;
  readonly position: CsvPosition;
  readonly rejectedLines: readonly z.infer<typeof rejectedLine>[];
  /** How many of the rejected lines are empty. */
  readonly emptyLines: number;
  /** How many rows have characters that could not be read. */
  readonly damaged: number;
  readonly damagedLines: readonly number[];
}

export default defineJob({
  type: 'csv-import',
  input: z.strictObject({
    file: z.uuid(),
    dataset: z
      .string()
      .trim()
      .min(1, 'give it a name, or leave it empty')
      .max(maxNameLength, `at most ${maxNameLength} characters`),
    /**
     * How many lines may be rejected before the import fails and the dataset stays as it was. Default 50%.
     */
    maxRejected: z
      .union([z.int().min(0), z.string().regex(/^(\d{1,9}|\d{1,3}(\.\d{1,6})?%)$/)], maxRejectedExpected)
      .optional(),
  }),
  result: z.object({
    imported: z.int(),
    rejected: z.int(),
    columns: z.array(z.string()),
    datasetId: z.uuid(),
    /** The first 100 of the rejected lines. */
    rejectedLines: z.array(rejectedLine),
    /** The encoding in which the file was read, by its WHATWG name. */
    encoding: z.string(),
    /** Null for a file with one column. */
    delimiter: z.string().nullable(),
    /** How many rows have characters that could not be read and became U+FFFD. */
    damaged: z.int(),
    /** The lines on which the first 100 damaged rows begin. */
    damagedLines: z.array(z.int()),
  }),
  title: ({ dataset }) => `Import ${dataset}`,
  maxAttempts: 3,
  timeoutSeconds: 6 * 3600,
  upload: {
    field: 'file',
    contentTypes: ['text/csv', 'text/plain', 'text/tab-separated-values'],
    // A file without a usable name gets a dataset name made from its hash: only an import of the same bytes
    // replaces it.
    defaults: ({ name, sha256 }) => ({
      dataset: cleanseAndCut(path.parse(name).name.trim(), maxNameLength) || `import-${sha256.slice(0, 12)}`,
    }),
  },
  resultLink: ({ datasetId }) => `/datasets/${datasetId}`,

  async run(input, task) {
    const file = await task.openFile(input.file);
    task.setUnit('bytes');
    let state = await resumeOrBegin(file, task);
    const importer = new BatchImporter(task, file, state);
    for await (const batch of readCsv({
      open: (byte) => file.read(byte),
      format: state.format,
      from: state.position,
    })) {
      task.signal.throwIfAborted();
      for (const [index, item] of batch.items.entries()) {
        importer.add(item);
        if (importer.isFull) await importer.commit(batch.positionAfter(index));
      }
      importer.report(batch.position());
      // The batch before is written meanwhile: its connection needs a turn of the event loop for each answer.
      await nextTurn();
      state = { ...state, position: batch.position() };
    }
    await importer.commit(state.position);
    await importer.committed();
    await refuseMisread(importer, file, input.maxRejected ?? defaultMaxRejected);
    return publishUnder(input.dataset, importer, task);
  },
});

async function resumeOrBegin(file: JobFile, task: TaskContext): Promise<ImportState> {
  // The cast is safe: this job writes its checkpoints as ImportState, below.
  if (task.resumeFrom) return withDefaults(task.resumeFrom as ImportState);
  task.progress(0, file.size, 'Looking at the file');
  const format = await detectCsvFormat((byte) => file.read(byte)).catch((error: unknown) => {
    if (error instanceof CsvFormatError) throw new PermanentError(error.message, { code: error.code });
    throw error;
  });
  const state: ImportState = {
    format,
    position: format.firstRow,
    rejectedLines: [],
    emptyLines: 0,
    damaged: 0,
    damagedLines: [],
  };
  await task.checkpoint(state, (tx) => beginImport(tx, task.id));
  return state;
}

/** Fills in the fields that checkpoints of earlier versions do not have. */
function withDefaults(state: ImportState): ImportState {
  const { format } = state;
  return {
    ...state,
    format: { ...format, leastFields: format.leastFields ?? format.columns.length },
    emptyLines: state.emptyLines ?? 0,
    damaged: state.damaged ?? 0,
    damagedLines: state.damagedLines ?? [],
  };
}

/** Collects rows, and writes each batch in one transaction with the checkpoint after it. */
class BatchImporter {
  readonly format: CsvFormat;
  position: CsvPosition;
  rejectedLines: z.infer<typeof rejectedLine>[];
  emptyLines: number;
  damaged: number;
  damagedLines: number[];
  private readonly task: TaskContext;
  private readonly file: JobFile;
  private writing: Promise<void> = Promise.resolve();
  private readonly rows: RowLines;

  constructor(task: TaskContext, file: JobFile, state: ImportState) {
    this.task = task;
    this.file = file;
    this.format = state.format;
    this.rows = new RowLines(state.format.columns);
    this.position = state.position;
    this.rejectedLines = [...state.rejectedLines];
    this.emptyLines = state.emptyLines;
    this.damaged = state.damaged;
    this.damagedLines = [...state.damagedLines];
    this.report(state.position);
  }

  get isFull(): boolean {
    return this.rows.count >= batchRows || this.rows.size >= batchBytes;
  }

  add(item: CsvItem): void {
    if (item.kind === 'row') {
      this.rows.add(item.values);
      if (item.isDamaged) this.noteDamage(item.line);
      return;
    }
    if (item.isEmpty) this.emptyLines += item.count;
    if (this.rejectedLines.length < listedLines) {
      this.rejectedLines.push({ line: item.line, reason: cleanseAndCut(item.reason, maxReasonLength) });
    }
  }

  private noteDamage(line: number): void {
    this.damaged += 1;
    if (this.damagedLines.length < listedLines) this.damagedLines.push(line);
  }

  /**
   * Begins to commit the collected rows and the checkpoint at `position`, both or neither. Resolves when the
   * batch before has committed, so that the next batch is read while this one is written.
   */
  async commit(position: CsvPosition): Promise<void> {
    const { format, rejectedLines, emptyLines, damaged, damagedLines, task } = this;
    await this.writing;
    const hasRows = this.rows.count > 0;
    const batch = { importId: task.id, firstNumber: this.position.rows + 1, lines: this.rows.take() };
    const write = (tx: Transaction) => insertRows(tx, batch);
    this.writing = task.checkpoint(
      { format, position, rejectedLines, emptyLines, damaged, damagedLines } satisfies ImportState,
      hasRows ? write : undefined,
    );
    // Whoever waits for the next batch or for the end sees the error.
    this.writing.catch(() => undefined);
    this.position = position;
  }

  /** Resolves when all batches have committed. */
  committed(): Promise<void> {
    return this.writing;
  }

  report({ byteOffset, rows, rejected }: CsvPosition): void {
    const rejections = rejected === 0 ? '' : `, ${rejected.toLocaleString('en')} rejected`;
    this.task.progress(byteOffset, this.file.size, `${rows.toLocaleString('en')} rows${rejections}`);
  }
}

/**
 * Fails an import of which all lines, or too many, were rejected: the file was probably misread. The dataset
 * keeps its old rows.
 * @throws {PermanentError} that names the detected delimiter, header and encoding, and quotes the first lines
 */
async function refuseMisread(
  { format, position, rejectedLines, emptyLines }: BatchImporter,
  file: JobFile,
  maxRejected: number | string,
): Promise<void> {
  const rejected = position.rejected - emptyLines;
  const lines = position.rows + rejected;
  if (rejected === 0 || (position.rows > 0 && rejected <= allowedRejections(maxRejected, lines))) return;
  const [beginning, reasons] = [await beginningOf(file, format), rejectedLines.slice(0, 3)];
  const words = [
    position.rows === 0
      ? `None of the ${lines} lines fits the header, so nothing was imported.`
      : `${rejected} of ${lines} lines were rejected, more than is allowed (${maxRejected}), so nothing was imported.`,
    'If a dataset of this name exists, it has not changed.',
    `${describeFormat(format)}.`,
    `The file begins with: ${beginning}.`,
    `For example: ${reasons.map(({ line, reason }) => `line ${line} ${reason}`).join('; ')}.`,
    'Remove any lines above the header. If the rejected lines may be left out, allow more of them with maxRejected.',
  ];
  throw new PermanentError(words.join(' '), { code: 'csv_too_many_rejected' });
}

/** @param maxRejected a number of lines, or a share such as `5%` */
function allowedRejections(maxRejected: number | string, lines: number): number {
  const amount = Number.parseFloat(String(maxRejected));
  return String(maxRejected).endsWith('%') ? (lines * amount) / 100 : amount;
}

async function publishUnder(
  name: string,
  { format, position, rejectedLines, damaged, damagedLines }: BatchImporter,
  task: TaskContext,
) {
  for (;;) {
    const { rows: imported, rejected } = position;
    const { columns } = format;
    const datasetId = await task.read((db) => datasetIdFor(db, name));
    const delimiter = format.delimiter === noDelimiter ? null : format.delimiter;
    const { encoding } = format;
    const read = { encoding, delimiter, damaged, damagedLines };
    const result = { imported, rejected, columns, datasetId, rejectedLines, ...read };
    try {
      const dataset = { id: datasetId, name, columns, rowCount: imported, importId: task.id };
      return await task.finish(result, (tx) => publish(tx, dataset));
    } catch (error) {
      // Another import has just created the dataset of this name: try again with the id of that dataset.
      if (!(error instanceof DatasetIdTaken)) throw error;
    }
  }
}
