/**
 * Queue entries whose task does not wait for them: it is gone, does not wait, or waits for another entry.
 * A runner that fetched one would claim nothing; left alone, it would be shown as work that waits.
 */

import { tables } from '../../database/names.ts';
import { inTurn } from '../repair-turn.ts';
import type { Store } from '../store.ts';
import { bossTables, entryTaskSql } from './boss.ts';
import type { Mismatch } from './mismatches.ts';
import { queueSql } from './names.ts';

// By the primary keys of both.
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

// A finished task's history has ended: there, the log alone tells of it.
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
  SELECT id, attempt, 'entry_settled', jsonb_build_object('message', 'it waited for a task that did not wait for it')
  FROM changed`;

/**
 * Settles entries of one queue, unless their tasks wait for them by now.
 * @returns the entries' ids
 */
export function settleStray(store: Store, queue: string, entries: readonly Mismatch[]): Promise<string[]> {
  return inTurn(store, async (connection) => {
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
