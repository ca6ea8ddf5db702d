/** In which queue a task waits: each type has one queue, and a second one for tasks that must run alone. */

/** From this many losses in a row on, a task waits for a runner of its own. */
const soloFromLosses = 2;
const soloSuffix = '.solo';

/** The queue for the tasks of a type that must run alone. No type has a dot in its name. */
export function soloQueue(type: string): string {
  return type + soloSuffix;
}

/** The queue in which a task waits, decided by its row. `queueSql` decides the same in SQL. */
export function queueOf({ type, losses }: { type: string; losses: number }): string {
  return losses >= soloFromLosses ? soloQueue(type) : type;
}

/** The type whose tasks wait in a queue. */
export function typeOfQueue(queue: string): string {
  return queue.endsWith(soloSuffix) ? queue.slice(0, -soloSuffix.length) : queue;
}

/**
 * `queueOf` in SQL.
 * @param task alias of `task_state`
 */
export function queueSql(task: string): string {
  return `CASE WHEN ${task}.losses >= ${soloFromLosses} THEN ${task}.type || '${soloSuffix}' ELSE ${task}.type END`;
}
