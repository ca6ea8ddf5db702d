/** Deletes the rows of imports that no dataset shows any more and that no attempt will go on with. */

import type { Database } from '../../database/database.ts';
import { tables } from './tables.ts';

const batchRows = 5_000;

/**
 * Makes one pass over at most 100 imports, in batches that commit one by one; `signal` ends the pass between
 * two batches. The pass keeps the rows of an import whose task may still go on: a task that is queued or
 * running, or one that failed or was cancelled and that a person may retry, as a retry from the checkpoint
 * needs the rows. It deletes them when the task cannot be retried any more, because another task has its key
 * or because it has expired.
 * @returns how many rows were deleted
 */
export async function sweepReplacedImports(db: Database, signal?: AbortSignal): Promise<number> {
  const replaced = await db.prisma.$queryRaw<{ id: string }[]>`
    SELECT import.id FROM ${tables.datasetImport} AS import
    LEFT JOIN ${tables.dataset} AS dataset ON dataset.import_id = import.id
    LEFT JOIN ${tables.taskState} AS task ON task.id = import.id
    WHERE dataset.id IS NULL AND (task.id IS NULL OR task.status = 'succeeded' OR task.replaced_by IS NOT NULL)
    LIMIT 100`;
  let deleted = 0;
  for (const { id } of replaced) {
    for (;;) {
      const count = await db.prisma.$executeRaw`
        DELETE FROM ${tables.datasetRow}
        WHERE import_id = ${id}::uuid AND number IN (
          SELECT number FROM ${tables.datasetRow} WHERE import_id = ${id}::uuid ORDER BY number LIMIT ${batchRows})`;
      deleted += count;
      if (signal?.aborted) return deleted;
      if (count < batchRows) break;
    }
    // Another process may sweep the same import: its row must stay until the last imported row is
    // deleted, or no sweep would find the rest again.
    await db.prisma.$executeRaw`
      DELETE FROM ${tables.datasetImport}
      WHERE id = ${id}::uuid AND NOT EXISTS (SELECT FROM ${tables.datasetRow} WHERE import_id = ${id}::uuid)`;
  }
  return deleted;
}
