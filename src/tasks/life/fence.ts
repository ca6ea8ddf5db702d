/**
 * The fence. A statement made on behalf of an attempt carries this condition, so that an attempt
 * that was taken from its runner can change nothing: a row that was given up is no longer `running`
 * under that number. Nothing else is needed, and it is written nowhere else.
 */
import { tables } from '../../database/names.ts';

/**
 * SQL that holds while the row `task` still belongs to the attempt.
 * @param task alias of `task_state`
 * @param id SQL expression of the attempt's task id
 * @param attempt SQL expression of its number
 */
export function fence(task: string, id: string, attempt: string): string {
  return `${task}.id = ${id} AND ${task}.attempt = ${attempt} AND ${task}.status = 'running'`;
}

/**
 * A query that locks the rows of those attempts in `source` that still own them, in id order, each by
 * its primary key: as a join the planner may read every row of the status instead.
 * @param source name of a CTE with columns `id` and `attempt`
 * @param columns what to return of `source` and of the locked `task`
 * @param wait `SKIP LOCKED`, or nothing to wait for rows that others hold
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
