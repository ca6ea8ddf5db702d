/** Helpers with which the reaper's tests move leases in time. */
import type { Store } from '../../src/tasks/store.ts';

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

/** Ends the lease of a worker now. */
export async function lapse(store: Store, workerId: string): Promise<void> {
  await store.db.pool.query(`UPDATE worker SET lease_expires_at = now() - interval '1 ms' WHERE id = $1`, [
    workerId,
  ]);
}
