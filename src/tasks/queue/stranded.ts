/**
 * Queued tasks that no entry stands for any more: their entry was fetched by a runner that died before its
 * claim, or was expired, cancelled, deleted or changed by somebody. The task's row decides, so the task gets
 * a new entry.
 */

import { tables } from '../../database/names.ts';
import { withRepairLock } from '../repair-lock.ts';
import type { Store } from '../store.ts';
import { bossTables } from './boss.ts';
import type { Mismatch } from './mismatches.ts';
import { queueSql, typeOfQueue } from './names.ts';
import type { Entry } from './queue.ts';

// Tasks and entries are found by their primary keys. A task that has moved since it was found, or that
// somebody has locked, is left alone.
const requeueSql = `
  WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS asked (id, entry_id) ORDER BY id
  ), stranded AS MATERIALIZED (
    SELECT task.id, task.entry_id, entry.state
    FROM asked
    CROSS JOIN LATERAL (
      SELECT id, entry_id, ${queueSql('task')} AS queue FROM ${tables.taskState} AS task
      WHERE task.id = asked.id AND task.entry_id = asked.entry_id AND task.status = 'queued'
      FOR NO KEY UPDATE SKIP LOCKED
    ) AS task
    LEFT JOIN ${bossTables.job} AS entry ON entry.name = task.queue AND entry.id = asked.entry_id
  ), requeued AS (
    UPDATE ${tables.taskState} AS task SET entry_id = gen_random_uuid(), version = version + 1, updated_at = now()
    FROM stranded WHERE task.id = stranded.id AND task.status = 'queued'
    RETURNING task.id, task.type, task.losses, task.attempt, task.entry_id, task.next_attempt_at,
              stranded.entry_id AS old_entry_id, stranded.state
  ), told AS (
    INSERT INTO ${tables.taskEvent} (task_id, attempt, kind, detail)
    SELECT id, attempt, 'requeued', jsonb_build_object('message', CASE state
             WHEN 'active' THEN 'a worker took its queue entry and did not begin'
             WHEN 'completed' THEN 'its queue entry had been settled'
             WHEN 'cancelled' THEN 'its queue entry had been cancelled'
             WHEN 'failed' THEN 'its queue entry had failed or expired'
             WHEN 'created' THEN 'its queue entry had been changed'
             WHEN 'retry' THEN 'its queue entry had been changed'
             ELSE 'its queue entry was gone'
           END)
    FROM requeued
  )
  SELECT id AS "taskId", type, losses, entry_id AS id, next_attempt_at AS "startAfter", old_entry_id AS "oldEntryId"
  FROM requeued`;

interface RequeuedRow extends Omit<Entry, 'startAfter'> {
  readonly startAfter: Date | null;
  readonly oldEntryId: string;
}

/**
 * Gives queued tasks new entries; no try is spent. Creates their queue again where it is gone.
 * @param queue the queue that all of these tasks wait in
 * @returns the ids of the tasks that got new entries
 */
export async function requeue(store: Store, queue: string, tasks: readonly Mismatch[]): Promise<string[]> {
  await store.queue.ensureQueues([typeOfQueue(queue)]);
  return withRepairLock(store, async (connection) => {
    const { rows } = await connection.query<RequeuedRow>({
      name: 'requeue',
      text: requeueSql,
      values: [tasks.map((task) => task.taskId), tasks.map((task) => task.entryId)],
    });
    if (rows.length === 0) return [];
    // An old entry that was fetched and dropped, or was changed, is settled here, so that it does not become
    // another repair.
    const oldEntryIds = rows.map((row) => row.oldEntryId);
    await store.queue.withdrawAll(queue, oldEntryIds, connection);
    const entries = rows.map(({ id, taskId, type, losses, startAfter }) => ({
      id,
      taskId,
      type,
      losses,
      startAfter: startAfter ?? undefined,
    }));
    await store.queue.send(entries, connection);
    return rows.map((row) => row.taskId);
  });
}
