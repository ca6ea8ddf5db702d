/**
 * Deletes the files that nobody owns: uploads that were never completed, and files of deleted tasks. It works
 * in small batches, as one file may have thousands of chunks. So an abandoned upload is first closed to
 * writers, by marking it complete: a complete file without a task is to be deleted.
 */

import type pg from 'pg';
import { tables } from '../../database/names.ts';

const abandonedAfterMinutes = 10;

const batchFiles = 64;
/** 16 MB of chunks. */
const batchChunks = 64;

// Both statements read by the partial index on files without a task. This one passes over files that are
// being completed or are receiving a chunk, as their rows are locked. A chunk or a submit that comes later
// finds no open file.
const closeSql = `
  WITH abandoned AS MATERIALIZED (
    SELECT id FROM ${tables.file}
    WHERE task_id IS NULL AND completed_at IS NULL AND touched_at < now() - make_interval(mins => $1)
    LIMIT ${batchFiles}
    FOR NO KEY UPDATE SKIP LOCKED
  )
  UPDATE ${tables.file} SET completed_at = now() FROM abandoned WHERE file.id = abandoned.id`;

// A file's row is deleted only after an earlier statement has deleted the last of its chunks: if the sweep is
// killed in between, the next one goes on.
const deleteFilesSql = `
  WITH closed AS MATERIALIZED (
    SELECT id FROM ${tables.file}
    WHERE task_id IS NULL AND completed_at IS NOT NULL
    ORDER BY id
    LIMIT ${batchFiles}
    FOR UPDATE SKIP LOCKED
  ), doomed AS MATERIALIZED (
    SELECT file_id, number FROM closed JOIN ${tables.fileChunk} ON file_id = closed.id
    LIMIT ${batchChunks}
  ), chunks AS (
    DELETE FROM ${tables.fileChunk} AS chunk USING doomed
    WHERE chunk.file_id = doomed.file_id AND chunk.number = doomed.number
    RETURNING chunk.file_id
  ), files AS (
    DELETE FROM ${tables.file} USING closed
    WHERE file.id = closed.id AND NOT EXISTS (SELECT FROM ${tables.fileChunk} WHERE file_id = file.id)
    RETURNING file.id
  )
  SELECT (SELECT count(*)::int FROM chunks) AS chunks, (SELECT count(*)::int FROM files) AS files`;

/**
 * One pass, until nothing is left or `signal` aborts.
 * @returns how many files were deleted
 */
export async function sweepFiles(pool: pg.Pool, signal?: AbortSignal): Promise<number> {
  for (;;) {
    const { rowCount } = await pool.query({
      name: 'close-uploads',
      text: closeSql,
      values: [abandonedAfterMinutes],
    });
    if (rowCount !== batchFiles || signal?.aborted) break;
  }
  for (let deleted = 0; ; ) {
    const { rows } = await pool.query<{ chunks: number; files: number }>({
      name: 'delete-files',
      text: deleteFilesSql,
    });
    const { chunks = 0, files = 0 } = rows[0] ?? {};
    deleted += files;
    if (chunks + files === 0 || signal?.aborted) return deleted;
  }
}
