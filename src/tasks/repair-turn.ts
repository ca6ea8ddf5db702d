/** The reaper's turn: of all processes that use a database, only one at a time reaps and repairs. */

import { type Connection, inTransaction } from '../database/database.ts';
import { advisoryLocks } from '../database/names.ts';
import type { Store } from './store.ts';

/**
 * Runs `work` in a transaction that holds the turn. While another process has the turn, `work` does not run,
 * and the answer is empty. Callers repair one batch in each call, so that the transaction is short.
 */
export function inTurn<T>(store: Store, work: (connection: Connection) => Promise<T[]>): Promise<T[]> {
  return inTransaction(store.db.pool, async (connection) => {
    // The checks read unfinished tasks and live entries by index. Where statistics say that most rows of a
    // table are unfinished, the planner would scan the whole table, with everything that has finished since
    // the statistics were made.
    const { rows } = await connection.query<{ mine: boolean }>({
      name: 'reaper-turn',
      text: `SELECT pg_try_advisory_xact_lock($1, $2) AS mine, set_config('enable_seqscan', 'off', TRUE)`,
      values: [...advisoryLocks.repair],
    });
    return rows[0]?.mine ? work(connection) : [];
  });
}
