/** Deletes the rows of workers that were lost over a day ago and whose tasks have all been moved on. */
import { tables } from '../../database/names.ts';
import { withRepairLock } from '../repair-lock.ts';
import type { Store } from '../store.ts';

const keepDays = 1;
const batch = 1_000;

// The table holds the workers of about a day, so that it may be read whole. A worker whose tasks have yet to
// be moved on stays.
const forgetSql = `
  WITH old AS MATERIALIZED (
    SELECT id FROM ${tables.worker}
    WHERE lost_at < now() - make_interval(days => ${keepDays})
      AND NOT EXISTS (SELECT FROM ${tables.taskState} WHERE worker_id = worker.id AND status = 'running')
    LIMIT ${batch}
    FOR UPDATE SKIP LOCKED
  )
  DELETE FROM ${tables.worker} USING old WHERE worker.id = old.id
  RETURNING worker.id`;

/** @returns the ids of up to 1,000 workers whose rows were deleted */
export function forgetWorkers(store: Store): Promise<string[]> {
  return withRepairLock(store, async (connection) => {
    const { rows } = await connection.query<{ id: string }>({ name: 'forget-workers', text: forgetSql });
    return rows.map((worker) => worker.id);
  });
}
