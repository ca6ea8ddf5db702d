/** Imports an uploaded CSV file into a dataset: each row exactly once, whatever dies on the way. */
import path from 'node:path';
import { z } from 'zod';
import { cleanseAndCut } from '../../tasks/model/text.ts';
import { defineJob } from '../define-job.ts';
import { PermanentError } from '../errors.ts';
import type { JobFile, TaskContext, Transaction } from '../task-context.ts';
import { noDelimiter } from './csv/delimiter.ts';
import { beginningOf, describeFormat } from './csv/describe.ts';
import { CsvFormatError } from './csv/errors.ts';
import { type CsvFormat, detectCsvFormat } from './csv/format.ts';
import type { CsvPosition } from './csv/position.ts';
import { type CsvItem, readCsv } from './csv/read.ts';
import { beginImport, DatasetIdTaken, datasetIdFor, insertRows, publish } from './datasets.ts';

/** Rows, or characters in them, that commit together with their checkpoint: small enough to be young garbage. */
const batchRows = 500;
const batchChars = 256 * 1024;
const listedLines = 100;
const maxReasonLength = 200;
const maxNameLength = 100;

const rejectedLine = z.object({ line: z.int(), reason: z.string() });

/** More rejected lines than this share of all lines that are not empty, and the file is taken for misread. */
const defaultMaxRejected = '50%';
const maxRejectedExpected = 'a number of lines such as 100, or a share such as "5%"';

/** Where an attempt goes on: everything that the rest of the file depends on. */
interface ImportState {
  readonly format: CsvFormat;
  readonly position: CsvPosition;
  readonly rejectedLines: readonly z.infer<typeof rejectedLine>[];
  /** How many of the rejected lines are empty. */
  readonly emptyLines: number;
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
    /** How many lines may be rejected before the import fails and the dataset stays as it was. Default 50%. */
    maxRejected: z
      .union([z.int().min(0), z.string().regex(/^(\d{1,9}|\d{1,3}(\.\d{1,6})?%)$/)], maxRejectedExpected)
      .optional(),
  }),
  result: z.object({
    imported: z.int(),
    rejected: z.int(),
    columns: z.array(z.string()),
    datasetId: z.uuid(),
    /** The first 100. */
    rejectedLines: z.array(rejectedLine),
    /** The encoding in which the file was read, by its WHATWG name. */
    encoding: z.string(),
    /** Null for a file with one column. */
    delimiter: z.string().nullable(),
    /** Rows with characters that could not be read, and are U+FFFD now. */
    damaged: z.int(),
    /** Where the first 100 of them begin. */
    damagedLines: z.array(z.int()),
  }),
  title: ({ dataset }) => `Import ${dataset}`,
  maxAttempts: 3,
  timeoutSeconds: 6 * 3600,
  upload: {
    field: 'file',
    contentTypes: ['text/csv', 'text/plain', 'text/tab-separated-values'],
    // Without a name of either kind, one that only the same bytes share: nothing else is ever replaced.
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
      state = { ...state, position: batch.position() };
    }
    await importer.commit(state.position);
    await refuseMisread(importer, file, input.maxRejected ?? defaultMaxRejected);
    return publishUnder(input.dataset, importer, task);
  },
});

async function resumeOrBegin(file: JobFile, task: TaskContext): Promise<ImportState> {
  // Checkpoints of this job are written below, as ImportState.
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

/** Checkpoints of earlier versions lack what came later. */
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

/** Collects rows and writes them with the checkpoint that says so. */
class BatchImporter {
  readonly format: CsvFormat;
  position: CsvPosition;
  rejectedLines: z.infer<typeof rejectedLine>[];
  emptyLines: number;
  damaged: number;
  damagedLines: number[];
  private readonly task: TaskContext;
  private readonly file: JobFile;
  private rows: string[][] = [];
  private chars = 0;
  /** What each row costs beside its values: it carries the names of its columns. */
  private readonly charsOfNames: number;

  constructor(task: TaskContext, file: JobFile, state: ImportState) {
    this.task = task;
    this.file = file;
    this.format = state.format;
    this.charsOfNames = state.format.columns.reduce((sum, name) => sum + name.length + 6, 0);
    this.position = state.position;
    this.rejectedLines = [...state.rejectedLines];
    this.emptyLines = state.emptyLines;
    this.damaged = state.damaged;
    this.damagedLines = [...state.damagedLines];
    this.report(state.position);
  }

  get isFull(): boolean {
    return this.rows.length >= batchRows || this.chars >= batchChars;
  }

  add(item: CsvItem): void {
    if (item.kind === 'row') {
      this.rows.push(item.values);
      this.chars += this.charsOfNames;
      for (const value of item.values) this.chars += value.length;
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

  /** All rows up to `position`, and the position, or neither. */
  async commit(position: CsvPosition): Promise<void> {
    const { format, rejectedLines, emptyLines, damaged, damagedLines, task, rows } = this;
    const batch = { importId: task.id, firstNumber: this.position.rows + 1, columns: format.columns, rows };
    const write = (tx: Transaction) => insertRows(tx, batch);
    await task.checkpoint(
      { format, position, rejectedLines, emptyLines, damaged, damagedLines } satisfies ImportState,
      rows.length > 0 ? write : undefined,
    );
    this.position = position;
    this.rows = [];
    this.chars = 0;
  }

  report({ byteOffset, rows, rejected }: CsvPosition): void {
    const rejections = rejected === 0 ? '' : `, ${rejected.toLocaleString('en')} rejected`;
    this.task.progress(byteOffset, this.file.size, `${rows.toLocaleString('en')} rows${rejections}`);
  }
}

/**
 * An import of which all or too many lines were rejected was misread: what the dataset had stays.
 * @throws {PermanentError} that says what was taken for what, and how the file begins
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
    'A dataset of this name stays as it was.',
    `${describeFormat(format)}.`,
    `The file begins with: ${beginning}.`,
    `For example: ${reasons.map(({ line, reason }) => `line ${line} ${reason}`).join('; ')}.`,
    'Remove what stands above the header, or allow for more by maxRejected, if these lines may be left out.',
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
      // Another first import under this name has just finished: ours goes under its id.
      if (!(error instanceof DatasetIdTaken)) throw error;
    }
  }
}
