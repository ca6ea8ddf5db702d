/**
 * The fence. A statement made on behalf of an attempt carries this condition, so that an attempt
 * that was taken from its runner can change nothing: a row that was given up is no longer `running`
 * under that number. Nothing else is needed, and it is written nowhere else.
 */

/**
 * SQL that holds while the row `task` still belongs to the attempt.
 * @param task alias of `task_state`
 * @param id SQL expression of the attempt's task id
 * @param attempt SQL expression of its number
 */
export function fence(task: string, id: string, attempt: string): string {
  return `${task}.id = ${id} AND ${task}.attempt = ${attempt} AND ${task}.status = 'running'`;
}
