/** Deleting finished tasks with all that belongs to them: written once, for retention and for prune. */
import { tables } from '../../database/names.ts';
import { isFinishedSql } from '../model/state-machine.ts';

/**
 * A statement that deletes tasks with their history, and leaves their files to the sweep: a file may be a
 * gigabyte, and no transaction should take that long. A finished task has no queue entry: a constraint of the
 * table says so.
 *
 * Only this statement decides whether a task is deleted: PostgreSQL locks a row that was changed meanwhile
 * only if its newest version still matches. A task that was just retried stays. A row that somebody else has
 * locked is left for another time, so that nobody waits and nothing can deadlock.
 *
 * @param doomed CTEs, the last of which is `doomed`: it locks finished rows (FOR UPDATE SKIP LOCKED) and
 *   returns their ids
 * @param answer what to select; `deleted` has the ids
 */
export function deleteSql(doomed: string, answer: string): string {
  return `
    WITH ${doomed}, deleted AS (
      DELETE FROM ${tables.taskState} AS task USING doomed
      WHERE task.id = doomed.id AND task.${isFinishedSql}
      RETURNING task.id
    ), events AS (
      DELETE FROM ${tables.taskEvent} USING deleted WHERE task_event.task_id = deleted.id
    ), files AS (
      UPDATE ${tables.file} SET task_id = NULL, touched_at = now() FROM deleted WHERE file.task_id = deleted.id
    )
    SELECT ${answer}`;
}
