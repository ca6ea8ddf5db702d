/** Deletes what was left behind: uploads that were never completed. */
import type { Store } from './store.ts';

const abandonedAfterMinutes = 10;

// One file a statement, as it may have thousands of chunks. Its row is locked first: one that is being
// completed, or sent a chunk, is passed over, and a chunk that comes later finds no row to belong to.
const sweepSql = `
  WITH abandoned AS MATERIALIZED (
    SELECT id FROM file
    WHERE completed_at IS NULL AND touched_at < now() - make_interval(mins => $1)
    LIMIT 1
    FOR UPDATE SKIP LOCKED
  ), chunks AS (
    DELETE FROM file_chunk USING abandoned WHERE file_chunk.file_id = abandoned.id
  )
  DELETE FROM file USING abandoned WHERE file.id = abandoned.id`;

/** @returns how many uploads were deleted */
export async function sweepAbandonedUploads(store: Store): Promise<number> {
  for (let swept = 0; ; swept += 1) {
    const { rowCount } = await store.db.pool.query({
      name: 'sweep-upload',
      text: sweepSql,
      values: [abandonedAfterMinutes],
    });
    if (rowCount === 0) return swept;
  }
}
