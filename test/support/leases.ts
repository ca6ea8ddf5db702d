/** The leases of workers: how they end and are renewed, and the time by which the reaper judges them. */
import type { Store } from '../../src/tasks/store.ts';
import { renewLeaseSql } from '../../src/tasks/workers/lease.ts';

/** The database's clock, `secondsAgo` ago. */
export async function databaseTime(store: Store, secondsAgo = 0): Promise<Date> {
  const { rows } = await store.db.pool.query<{ at: Date }>(
    'SELECT clock_timestamp() - make_interval(secs => $1) AS at',
    [secondsAgo],
  );
  if (!rows[0]) throw new Error('no time');
  return rows[0].at;
}

/**
 * A time that the reaper takes for the database's last answer and that stays fresh, however slow the machine
 * is.
 */
export const freshTime = (store: Store) => databaseTime(store, -3600);

export const workerRow = (store: Store, id: string) =>
  store.db.prisma.worker.findUniqueOrThrow({ where: { id } });

/**
 * Renews the lease of a worker, as its lease thread does, and says whether the worker still had it.
 * `loopAgeMs` is how long ago the worker's event loop last turned.
 */
export async function renewLease(
  store: Store,
  workerId: string,
  leaseSeconds = 15,
  loopAgeMs = 0,
): Promise<boolean> {
  const { rowCount } = await store.db.pool.query(renewLeaseSql, [workerId, leaseSeconds, loopAgeMs]);
  return rowCount === 1;
}

/** Marks a worker lost and moves none of its tasks on, like a process that is killed in between. */
export async function markLost(
  store: Store,
  workerId: string,
  { tasks = 1, hoursAgo = 0 } = {},
): Promise<void> {
  await store.db.pool.query(
    `UPDATE worker
     SET lost_at = now() - make_interval(hours => $3), lost_reason = 'exited: ended by SIGKILL', lost_with = $2
     WHERE id = $1`,
    [workerId, tasks, hoursAgo],
  );
}

/** Ends the lease of a worker now. */
export async function lapse(store: Store, workerId: string): Promise<void> {
  await store.db.pool.query(`UPDATE worker SET lease_expires_at = now() - interval '1 ms' WHERE id = $1`, [
    workerId,
  ]);
}
