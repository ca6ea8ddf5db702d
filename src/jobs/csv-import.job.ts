/** Imports an uploaded CSV file into a dataset: each row exactly once, whatever dies on the way. */
import path from 'node:path';
import { z } from 'zod';
import { CsvFormatError } from '../csv/errors.ts';
import { type CsvFormat, detectCsvFormat } from '../csv/format.ts';
import type { CsvPosition } from '../csv/position.ts';
import { type CsvItem, readCsv } from '../csv/read.ts';
import { beginImport, DatasetIdTaken, datasetIdFor, insertRows, publish } from '../datasets/datasets.ts';
import { cleanseAndCut } from '../tasks/text.ts';
import { defineJob } from './define-job.ts';
import { PermanentError } from './errors.ts';
import type { JobFile, TaskContext, Transaction } from './task-context.ts';

/** Rows, or characters in them, that commit together with their checkpoint: small enough to be young garbage. */
const batchRows = 500;
const batchChars = 256 * 1024;
const listedRejections = 100;
const maxReasonLength = 200;
const maxNameLength = 100;

const rejectedLine = z.object({ line: z.int(), reason: z.string() });

/** Where an attempt goes on: everything that the rest of the file depends on. */
interface ImportState {
  readonly format: CsvFormat;
  readonly position: CsvPosition;
  readonly rejectedLines: readonly z.infer<typeof rejectedLine>[];
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
  }),
  result: z.object({
    imported: z.int(),
    rejected: z.int(),
    columns: z.array(z.string()),
    datasetId: z.uuid(),
    /** The first 100. */
    rejectedLines: z.array(rejectedLine),
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
    return publishUnder(input.dataset, importer, task);
  },
});

async function resumeOrBegin(file: JobFile, task: TaskContext): Promise<ImportState> {
  // Checkpoints of this job are written below, as ImportState.
  if (task.resumeFrom) return task.resumeFrom as ImportState;
  task.progress(0, file.size, 'Looking at the file');
  const format = await detectCsvFormat((byte) => file.read(byte)).catch((error: unknown) => {
    if (error instanceof CsvFormatError) throw new PermanentError(error.message, { code: error.code });
    throw error;
  });
  const state: ImportState = { format, position: format.firstRow, rejectedLines: [] };
  await task.checkpoint(state, (tx) => beginImport(tx, task.id));
  return state;
}

/** Collects rows and writes them with the checkpoint that says so. */
class BatchImporter {
  readonly format: CsvFormat;
  position: CsvPosition;
  rejectedLines: z.infer<typeof rejectedLine>[];
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
    } else if (this.rejectedLines.length < listedRejections) {
      this.rejectedLines.push({ line: item.line, reason: cleanseAndCut(item.reason, maxReasonLength) });
    }
  }

  /** All rows up to `position`, and the position, or neither. */
  async commit(position: CsvPosition): Promise<void> {
    const { format, rejectedLines, task, rows } = this;
    const batch = { importId: task.id, firstNumber: this.position.rows + 1, columns: format.columns, rows };
    const write = (tx: Transaction) => insertRows(tx, batch);
    await task.checkpoint(
      { format, position, rejectedLines } satisfies ImportState,
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

async function publishUnder(
  name: string,
  { format, position, rejectedLines }: BatchImporter,
  task: TaskContext,
) {
  for (;;) {
    const { rows: imported, rejected } = position;
    const { columns } = format;
    const datasetId = await task.read((db) => datasetIdFor(db, name));
    const result = { imported, rejected, columns, datasetId, rejectedLines };
    try {
      const dataset = { id: datasetId, name, columns, rowCount: imported, importId: task.id };
      return await task.finish(result, (tx) => publish(tx, dataset));
    } catch (error) {
      // Another first import under this name has just finished: ours goes under its id.
      if (!(error instanceof DatasetIdTaken)) throw error;
    }
  }
}
