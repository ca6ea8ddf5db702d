/** Deletes the rows of imports that no dataset shows any more and that nobody will go on with. */

import type { Database } from '../../database/database.ts';
import { tables } from './tables.ts';

const batchRows = 5_000;

/**
 * One pass over at most 100 imports, in batches that each commit alone; `signal` ends it between two of them. An
 * import whose task may still go on is left: it is queued or running, or failed or cancelled and a person may retry
 * it from its checkpoint, which counts on the rows. They go when it cannot be retried any more: its key is another
 * task's, or it has expired.
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
    // Another process may be at it: rows that it has not deleted yet would be found by nobody.
    await db.prisma.$executeRaw`
      DELETE FROM ${tables.datasetImport}
      WHERE id = ${id}::uuid AND NOT EXISTS (SELECT FROM ${tables.datasetRow} WHERE import_id = ${id}::uuid)`;
  }
  return deleted;
}
