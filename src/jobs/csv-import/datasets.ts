/**
 * Datasets: imported tables with a name. When a new import succeeds, its rows replace all old ones at once.
 */

import type { Database } from '../../database/database.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { newId } from '../../tasks/model/ids.ts';
import { tables } from './tables.ts';

/** A dataset as clients see it. */
export interface DatasetView {
  readonly id: string;
  readonly name: string;
  readonly columns: string[];
  readonly rowCount: number;
  readonly updatedAt: Date;
  /** The first rows. */
  readonly rows: Record<string, string>[];
}

const deleteBatch = 50_000;

/** Reads a dataset and its first `rows` rows; null if there is no such dataset. */
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
    // The casts here are safe: `publish` and `insertRows` write these columns in this shape.
    columns: dataset.columns as string[],
    rowCount,
    updatedAt,
    rows: first.map((row) => row.data as Record<string, string>),
  };
}

/**
 * Registers an import before its first row, so that the sweep finds the rows if no dataset ever shows them.
 * An import that is retried from the start first loses the rows of its earlier attempts.
 */
export async function beginImport(tx: Prisma.TransactionClient, importId: string): Promise<void> {
  let deleted: number;
  do {
    // In batches, because a statement may take at most one minute.
    deleted = await tx.$executeRaw`
      DELETE FROM ${tables.datasetRow}
      WHERE import_id = ${importId}::uuid AND number IN (
        SELECT number FROM ${tables.datasetRow} WHERE import_id = ${importId}::uuid ORDER BY number LIMIT ${deleteBatch})`;
  } while (deleted === deleteBatch);
  await tx.datasetImport.createMany({ data: [{ id: importId }], skipDuplicates: true });
}

/**
 * Writes rows of an import, numbered from `firstNumber`. One statement writes the batch from a text with a
 * line for each row, which is nearly as fast as COPY, and faster than one JSON array or one parameter per row.
 * The text is sent as bytes, because Prisma would turn a string into JSON and back.
 * @param batch.lines JSON objects, made by `RowLines`
 */
export async function insertRows(
  tx: Prisma.TransactionClient,
  batch: { importId: string; firstNumber: number; lines: Buffer },
): Promise<void> {
  const { importId, firstNumber, lines } = batch;
  await tx.$executeRaw`
    INSERT INTO ${tables.datasetRow} (import_id, number, data)
    SELECT ${importId}::uuid, ${firstNumber}::int + place - 1, line::jsonb
    FROM string_to_table(convert_from(${lines}::bytea, 'UTF8'), E'\n') WITH ORDINALITY AS row (line, place)`;
}

/** The id of the dataset of this name, or a new id. */
export async function datasetIdFor(tx: Prisma.TransactionClient, name: string): Promise<string> {
  const existing = await tx.dataset.findUnique({ where: { name }, select: { id: true } });
  return existing?.id ?? newId();
}

/** Another import has created the dataset of this name in the meantime, with another id. */
export class DatasetIdTaken extends Error {
  override name = 'DatasetIdTaken';
}

/**
 * Makes the rows of an import the rows of the dataset, instead of any earlier ones. When two imports publish
 * under the same name, the last one to commit wins with all of its rows.
 * @throws {DatasetIdTaken} when a dataset of this name has another id
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
