/** Datasets: imported tables under a name, whose rows are swapped whole when a new import succeeds. */

import type { Database } from '../../database/database.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { newId } from '../../tasks/model/ids.ts';
import { tables } from './tables.ts';

/** A dataset as the outside sees it. */
export interface DatasetView {
  readonly id: string;
  readonly name: string;
  readonly columns: string[];
  readonly rowCount: number;
  readonly updatedAt: Date;
  /** The first ones. */
  readonly rows: Record<string, string>[];
}

const deleteBatch = 50_000;

/** A dataset and its first rows, or null. */
export async function readDataset(db: Database, id: string, rows: number): Promise<DatasetView | null> {
  const dataset = await db.prisma.dataset.findUnique({ where: { id } });
  if (!dataset) return null;
  const first = await db.prisma.datasetRow.findMany({
    where: { importId: dataset.importId },
    orderBy: { number: 'asc' },
    take: rows,
    select: { data: true },
  });
  const { name, rowCount, updatedAt } = dataset;
  return {
    id,
    name,
    // What `publish` and `insertRows` have written.
    columns: dataset.columns as string[],
    rowCount,
    updatedAt,
    rows: first.map((row) => row.data as Record<string, string>),
  };
}

/**
 * Announces an import, so that its rows are found should nobody ever show them. One that was begun before
 * and is retried from the start loses the rows that it had.
 */
export async function beginImport(tx: Prisma.TransactionClient, importId: string): Promise<void> {
  let deleted: number;
  do {
    // Not all at once: a statement has a minute.
    deleted = await tx.$executeRaw`
      DELETE FROM ${tables.datasetRow}
      WHERE import_id = ${importId}::uuid AND number IN (
        SELECT number FROM ${tables.datasetRow} WHERE import_id = ${importId}::uuid ORDER BY number LIMIT ${deleteBatch})`;
  } while (deleted === deleteBatch);
  await tx.datasetImport.createMany({ data: [{ id: importId }], skipDuplicates: true });
}

/**
 * Writes rows of an import, numbered from `firstNumber`: one statement for the batch, whose rows
 * travel as one JSON text (twice as fast as a parameter for each).
 */
export async function insertRows(
  tx: Prisma.TransactionClient,
  batch: {
    importId: string;
    firstNumber: number;
    columns: readonly string[];
    rows: readonly (readonly string[])[];
  },
): Promise<void> {
  const { importId, firstNumber, columns, rows } = batch;
  const objects = rows.map((values) => Object.fromEntries(columns.map((column, i) => [column, values[i]])));
  await tx.$executeRaw`
    INSERT INTO ${tables.datasetRow} (import_id, number, data)
    SELECT ${importId}::uuid, ${firstNumber}::int + place - 1, data
    FROM jsonb_array_elements(${JSON.stringify(objects)}::text::jsonb) WITH ORDINALITY AS row (data, place)`;
}

/** The id under which a name is shown, or a new one. */
export async function datasetIdFor(tx: Prisma.TransactionClient, name: string): Promise<string> {
  const existing = await tx.dataset.findUnique({ where: { name }, select: { id: true } });
  return existing?.id ?? newId();
}

/** Somebody else gave the dataset its first import meanwhile, and so its id. */
export class DatasetIdTaken extends Error {
  override name = 'DatasetIdTaken';
}

/**
 * Shows the rows of an import under a name, instead of any before: the last to commit wins whole.
 * @throws {DatasetIdTaken} when the name exists under another id by now
 */
export async function publish(
  tx: Prisma.TransactionClient,
  dataset: { id: string; name: string; columns: readonly string[]; rowCount: number; importId: string },
): Promise<void> {
  const { id, name, columns, rowCount, importId } = dataset;
  const published = await tx.$executeRaw`
    INSERT INTO ${tables.dataset} AS dataset (id, name, columns, row_count, import_id)
    VALUES (${id}::uuid, ${name}, ${JSON.stringify(columns)}::text::jsonb, ${rowCount}, ${importId}::uuid)
    ON CONFLICT (name) DO UPDATE
    SET columns = excluded.columns, row_count = excluded.row_count, import_id = excluded.import_id, updated_at = now()
    WHERE dataset.id = excluded.id`;
  if (published === 0) throw new DatasetIdTaken(`The dataset "${name}" exists under another id`);
}
