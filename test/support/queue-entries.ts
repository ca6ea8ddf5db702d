/** The entries of pg-boss's queues: those that wait, and what people do to entries with other tools. */
import type { Store } from '../../src/tasks/store.ts';

export interface LiveEntry {
  readonly id: string;
  readonly taskId: string;
  readonly startAfter: Date;
}

/** The queue entries that wait. */
export async function liveEntries(store: Store): Promise<LiveEntry[]> {
  const { rows } = await store.db.pool.query<LiveEntry>(
    `SELECT id, data->>'taskId' AS "taskId", start_after AS "startAfter" FROM pgboss.job
     WHERE state < 'active' ORDER BY created_on, id`,
  );
  return rows;
}

export async function entryState(store: Store, entryId: string): Promise<string | undefined> {
  const { rows } = await store.db.pool.query<{ state: string }>(
    'SELECT state FROM pgboss.job WHERE id = $1',
    [entryId],
  );
  return rows[0]?.state;
}

/** Deletes the entries of all queues, so that no queued task has one. */
export async function deleteEntries(store: Store): Promise<void> {
  await store.db.pool.query('DELETE FROM pgboss.job');
}

/** Deletes a queue with its entries, as pg-boss's own tools do. */
export async function deleteQueue(store: Store, queue = 'noop'): Promise<void> {
  await store.db.pool.query('SELECT pgboss.delete_queue($1)', [queue]);
}

/** Takes an entry out of a queue as pg-boss's own tools do, and never claims its task. */
export async function fetchByHand(store: Store, queue = 'noop'): Promise<void> {
  const { rowCount } = await store.db.pool.query(
    `UPDATE pgboss.job SET state = 'active', started_on = now()
     WHERE (name, id) IN (SELECT name, id FROM pgboss.job WHERE name = $1 AND state < 'active' LIMIT 1)`,
    [queue],
  );
  if (rowCount !== 1) throw new Error(`Nothing waits in ${queue}`);
}

/** Sets back the time at which all entries were fetched. */
export async function ageFetches(store: Store, seconds: number): Promise<void> {
  await store.db.pool.query('UPDATE pgboss.job SET started_on = now() - make_interval(secs => $1)', [
    seconds,
  ]);
}

/** Sets back the time at which all entries were created, and makes them due now. */
export async function ageEntries(store: Store, seconds: number): Promise<void> {
  await store.db.pool.query(
    'UPDATE pgboss.job SET created_on = now() - make_interval(secs => $1), start_after = now()',
    [seconds],
  );
}

/** Makes the entries due that wait for the time of a next try. */
export async function skipWaits(store: Store): Promise<void> {
  await store.db.pool.query(`UPDATE pgboss.job SET start_after = now() WHERE state < 'active'`);
}
