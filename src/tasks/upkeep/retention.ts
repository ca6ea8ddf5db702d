/** Deletes finished tasks that have expired. Every parent does it, one of them at a time. */

import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { advisoryLocks, tables } from '../../database/names.ts';
import { isFinishedSql } from '../model/state-machine.ts';
import { deleteSql } from './deletion.ts';

const batchRows = 500;

// Reads by the partial index on expires_at, oldest first. The lock is held for this one statement: a process
// that comes meanwhile deletes nothing, and the server ends the connection of a process that freezes in it,
// and with it the lock.
const deleteExpiredSql = deleteSql(
  `lock AS MATERIALIZED (
     SELECT pg_try_advisory_xact_lock(${advisoryLocks.retention.join(', ')}) AS mine
   ), doomed AS MATERIALIZED (
     SELECT id FROM ${tables.taskState}
     WHERE ${isFinishedSql} AND expires_at < now() AND (SELECT mine FROM lock)
     ORDER BY expires_at
     LIMIT ${batchRows}
     FOR UPDATE SKIP LOCKED
   )`,
  'count(*)::int AS count FROM deleted',
);

/**
 * Deletes in batches that each commit alone, with as much rest between them as work, until nothing expired is
 * left, another process holds the lock, or `signal` aborts.
 * @returns how many tasks were deleted
 */
export async function deleteExpired(pool: pg.Pool, signal?: AbortSignal): Promise<number> {
  for (let deleted = 0; ; ) {
    const begunAt = performance.now();
    const { rows } = await pool.query<{ count: number }>({
      name: 'delete-expired',
      text: deleteExpiredSql,
    });
    const count = rows[0]?.count ?? 0;
    deleted += count;
    if (count < batchRows || signal?.aborted) return deleted;
    await sleep(performance.now() - begunAt);
  }
}
