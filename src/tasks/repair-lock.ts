/** The lock of repairs: of all processes that use a database, only one at a time reaps and repairs. */

import { type Connection, inTransaction } from '../database/database.ts';
import { advisoryLocks } from '../database/names.ts';
import type { Store } from './store.ts';

/**
 * Runs `work` in a transaction that holds the lock. While another process holds it, `work` does not run,
 * and the answer is empty. Callers repair one batch in each call, so that the transaction is short.
 */
export function withRepairLock<T>(
  store: Store,
  work: (connection: Connection) => Promise<T[]>,
): Promise<T[]> {
  return inTransaction(store.db.pool, async (connection) => {
    // The checks read unfinished tasks and live entries by index. Where statistics say that most rows of a
    // table are unfinished, the planner would scan the whole table, with everything that has finished since
    // the statistics were made.
    const { rows } = await connection.query<{ mine: boolean }>({
      name: 'repair-lock',
      text: `SELECT pg_try_advisory_xact_lock($1, $2) AS mine, set_config('enable_seqscan', 'off', TRUE)`,
      values: [...advisoryLocks.repair],
    });
    return rows[0]?.mine ? work(connection) : [];
  });
}
