/** The reaper's turn: of all the processes on a database, one at a time reaps and repairs. */

import { type Connection, inTransaction } from '../database/database.ts';
import { advisoryLocks } from '../database/names.ts';
import type { Store } from './store.ts';

/**
 * Runs `work` in a transaction that holds the turn; without it where the turn is another process's.
 * A transaction as short as the work that it does: what is repaired is repaired a batch at a time.
 */
export function inTurn<T>(store: Store, work: (connection: Connection) => Promise<T[]>): Promise<T[]> {
  return inTransaction(store.db.pool, async (connection) => {
    // The checks look at unfinished tasks and live entries by index. Where most rows of a table are such,
    // the planner would rather read all of it, and with it what has finished since it last counted.
    const { rows } = await connection.query<{ mine: boolean }>({
      name: 'reaper-turn',
      text: `SELECT pg_try_advisory_xact_lock($1, $2) AS mine, set_config('enable_seqscan', 'off', TRUE)`,
      values: [...advisoryLocks.repair],
    });
    return rows[0]?.mine ? work(connection) : [];
  });
}
