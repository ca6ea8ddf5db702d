/** Deletes what was left behind: uploads that were never completed. */
import { deleteFile } from './files.ts';
import type { Store } from './store.ts';

const abandonedAfterMinutes = 10;

/** @returns how many uploads were deleted */
export async function sweepAbandonedUploads(store: Store): Promise<number> {
  const { prisma } = store.db;
  const abandoned = await prisma.$queryRaw<{ id: string }[]>`
    SELECT id FROM file
    WHERE completed_at IS NULL AND touched_at < now() - make_interval(mins => ${abandonedAfterMinutes}::int)
    LIMIT 100`;
  for (const { id } of abandoned) await deleteFile(store.db, id);
  return abandoned.length;
}
