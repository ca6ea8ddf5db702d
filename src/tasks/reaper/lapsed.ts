/** Workers whose lease has lapsed: nobody has heard from them. */
import { tables } from '../../database/names.ts';
import { withRepairLock } from '../repair-lock.ts';
import type { Store } from '../store.ts';

/**
 * Marks workers lost whose lease has lapsed, unless the statement runs more than 2 s after `databaseTime`:
 * then it was stuck in a frozen server, and perhaps the renewals were stuck as well.
 * @returns the ids of the workers that were marked
 */
export function reapLapsed(store: Store, databaseTime: Date): Promise<string[]> {
  return withRepairLock(store, async (connection) => {
    // The workers are locked first; a second statement then also counts what was claimed just before. A
    // worker whose claim is under way is left to the next turn.
    const lapsed = await connection.query<{ id: string }>({
      name: 'lapsed-workers',
      text: `SELECT id FROM ${tables.worker}
             WHERE lost_at IS NULL AND lease_expires_at < clock_timestamp()
               AND clock_timestamp() <= $1::timestamptz + interval '2 seconds'
             FOR NO KEY UPDATE SKIP LOCKED`,
      values: [databaseTime],
    });
    if (lapsed.rows.length === 0) return [];
    const { rows } = await connection.query<{ id: string }>({
      name: 'reap-workers',
      text: `UPDATE ${tables.worker}
             SET lost_at = now(), lost_reason = 'lease_lapsed: it was not heard from',
                 lost_with = (SELECT count(*) FROM ${tables.taskState} WHERE worker_id = worker.id AND status = 'running')
             WHERE id = ANY ($1::uuid[]) AND lost_at IS NULL AND lease_expires_at < clock_timestamp()
               AND clock_timestamp() <= $2::timestamptz + interval '2 seconds'
             RETURNING id`,
      values: [lapsed.rows.map((worker) => worker.id), databaseTime],
    });
    return rows.map((worker) => worker.id);
  });
}
