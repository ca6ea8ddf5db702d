/**
 * Running tasks whose worker has no row: somebody deleted the row by hand, or restored a backup without it.
 */

import type { Connection } from '../../database/database.ts';
import { tables } from '../../database/names.ts';
import { newId } from '../model/ids.ts';
import { withRepairLock } from '../repair-lock.ts';
import type { Store } from '../store.ts';

// Reads by the partial index on the worker of running rows. A worker without a row claims nothing more, so
// that the number of its tasks cannot grow meanwhile; its lease thread finds no row to renew, and ends the
// process.
const findMissingSql = `
  SELECT worker_id AS id, count(*) AS tasks
  FROM ${tables.taskState}
  WHERE status = 'running' AND worker_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM ${tables.worker} WHERE worker.id = worker_id)
  GROUP BY worker_id`;

// Running tasks that name no worker at all get the id of a worker that never existed. External tasks have no
// worker by right.
const findNamelessSql = `
  SELECT id FROM ${tables.taskState}
  WHERE status = 'running' AND worker_id IS NULL AND report_token_hash IS NULL
  LIMIT 100
  FOR NO KEY UPDATE SKIP LOCKED`;

/**
 * Gives each missing worker a row that says that the worker is lost, and with how many attempts: its tasks
 * are then moved on like those of any lost worker.
 * @returns the workers' ids
 */
export function markMissing(store: Store): Promise<string[]> {
  return withRepairLock(store, async (connection) => {
    await nameWorker(connection);
    const { rows } = await connection.query<{ id: string }>({
      name: 'mark-missing',
      text: `INSERT INTO ${tables.worker} (id, host, pid, slots, lease_expires_at, lost_at, lost_reason, lost_with)
             SELECT id, 'unknown', 0, 0, now(), now(), 'missing: nothing is known of it any more', tasks
             FROM (${findMissingSql}) AS missing
             ON CONFLICT (id) DO NOTHING
             RETURNING id`,
    });
    return rows.map((worker) => worker.id);
  });
}

async function nameWorker(connection: Connection): Promise<void> {
  await connection.query({
    name: 'name-worker',
    text: `WITH nameless AS MATERIALIZED (${findNamelessSql})
           UPDATE ${tables.taskState} AS task SET worker_id = $1, version = version + 1
           FROM nameless
           WHERE task.id = nameless.id AND task.status = 'running'`,
    values: [newId()],
  });
}
