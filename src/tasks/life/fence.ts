/**
 * The fence: the condition in every statement that is made on behalf of an attempt. An attempt that was taken
 * from its runner can change nothing, because its row is no longer `running` under its number. No other check
 * is needed, and the condition is written nowhere else.
 */
import { tables } from '../../database/names.ts';

/**
 * SQL that is true while the row `task` still belongs to the attempt.
 * @param task alias of `task_state`
 * @param id SQL expression of the attempt's task id
 * @param attempt SQL expression of its number
 */
export function fence(task: string, id: string, attempt: string): string {
  return `${task}.id = ${id} AND ${task}.attempt = ${attempt} AND ${task}.status = 'running'`;
}

/**
 * A query that locks the rows of those attempts in `source` that still own them, in id order. It looks up
 * each row by its primary key (LATERAL): for a join the planner may read every row of the status.
 * @param source name of a CTE with columns `id` and `attempt`
 * @param columns what to return of `source` and of the locked `task`
 * @param wait `SKIP LOCKED`, or empty to wait for rows that others have locked
 */
export function lockOwned(source: string, columns: string, wait = ''): string {
  return `
    SELECT ${columns}
    FROM (SELECT * FROM ${source} ORDER BY id) AS ${source}
    CROSS JOIN LATERAL (
      SELECT * FROM ${tables.taskState} AS task
      WHERE ${fence('task', `${source}.id`, `${source}.attempt`)}
      FOR NO KEY UPDATE ${wait}
    ) AS task`;
}
