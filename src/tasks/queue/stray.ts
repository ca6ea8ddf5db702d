/**
 * Queue entries whose task does not wait for them: the task is gone, is not queued, or waits for another
 * entry. A runner that took such an entry would claim nothing; left alone, the entry would be shown as work
 * that waits.
 */

import { tables } from '../../database/names.ts';
import { withRepairLock } from '../repair-lock.ts';
import type { Store } from '../store.ts';
import { bossTables, entryTaskSql } from './boss.ts';
import type { Mismatch } from './mismatches.ts';
import { queueSql } from './names.ts';

// Entries and tasks are found by their primary keys.
const lockStraySql = `
  SELECT entry.id, entry.task_id AS "taskId"
  FROM (
    SELECT id, name, ${entryTaskSql('job')} AS task_id
    FROM ${bossTables.job} AS job
    WHERE name = $1 AND id = ANY ($2::uuid[]) AND state IN ('created', 'retry', 'active')
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS entry
  LEFT JOIN ${tables.taskState} AS task ON task.id = entry.task_id AND task.status = 'queued'
    AND task.entry_id = entry.id AND ${queueSql('task')} = entry.name
  WHERE task.id IS NULL`;

// The history of a finished task has ended: for such a task, only the log tells of the entry.
const tellSql = `
  WITH task AS MATERIALIZED (
    SELECT id FROM ${tables.taskState}
    WHERE id = ANY ($1::uuid[]) AND status IN ('queued', 'running')
    FOR NO KEY UPDATE SKIP LOCKED
  ), changed AS (
    UPDATE ${tables.taskState} SET version = version + 1, updated_at = now()
    FROM task
    WHERE task_state.id = task.id AND status IN ('queued', 'running')
    RETURNING task_state.id, attempt
  )
  INSERT INTO ${tables.taskEvent} (task_id, attempt, kind, detail)
  SELECT id, attempt, 'entry_settled', jsonb_build_object('message', 'the task did not wait for this queue entry')
  FROM changed`;

/**
 * Settles entries of one queue, except those that their tasks wait for by now.
 * @returns the ids of the settled entries
 */
export function settleStray(store: Store, queue: string, entries: readonly Mismatch[]): Promise<string[]> {
  return withRepairLock(store, async (connection) => {
    const { rows } = await connection.query<{ id: string; taskId: string | null }>({
      name: 'lock-stray',
      text: lockStraySql,
      values: [queue, entries.map((entry) => entry.entryId)],
    });
    if (rows.length === 0) return [];
    await store.queue.withdrawAll(
      queue,
      rows.map((row) => row.id),
      connection,
    );
    await connection.query({ name: 'tell-stray', text: tellSql, values: [rows.map((row) => row.taskId)] });
    return rows.map((row) => row.id);
  });
}
