/** Lists of tasks, newest first, a page at a time: each page begins where the one before it ended. */

import type pg from 'pg';
import { tables, taskStatusType } from '../../database/names.ts';
import { columnsButResult, type TaskRow } from '../model/row.ts';
import type { TaskStatus } from '../model/state-machine.ts';
import type { Store } from '../store.ts';

/** Which tasks are listed: all of them where no field is set. */
export interface TaskFilter {
  readonly status?: TaskStatus | undefined;
  readonly type?: string | undefined;
  readonly group?: string | undefined;
}

/** A position in the order of a list, whether or not its task still exists. */
export interface ListPosition {
  readonly createdAt: Date;
  readonly id: string;
}

/** A task as lists read it. */
export interface ListedRow extends TaskRow {
  /** A result that is too long for a list is null here. */
  readonly hasLongResult: boolean;
}

export interface ListPage {
  readonly tasks: ListedRow[];
  /** The position after which the next page begins; undefined on the last page. */
  readonly next: ListPosition | undefined;
}

/**
 * The page after `after`, or the page with the newest tasks. A task that existed when the first page was read
 * and still matches the filter comes exactly once, whatever else is submitted meanwhile.
 * @param limit the largest number of tasks on the page
 */
export async function listTasks(
  store: Store,
  filter: TaskFilter,
  limit: number,
  after?: ListPosition,
): Promise<ListPage> {
  // One more than is shown tells whether there is a next page.
  const { rows } = await store.db.pool.query<ListedRow>(listStatement(filter, limit + 1, after));
  const tasks = rows.slice(0, limit);
  const last = tasks.at(-1);
  return {
    tasks,
    next: rows.length > limit && last ? { createdAt: last.createdAt, id: last.id } : undefined,
  };
}

/**
 * SQL that is true where a result is too long to be read for a list. The limit is far above what any list
 * shows, so that the caller makes the final choice. A hundred results of a megabyte would take a second to
 * read, in which nobody else is answered. Both sizes count: a long result may be stored compressed, and a
 * result is stored in at most six times the length of its text.
 */
const isLong = `(pg_column_size(task.result) > 100000 OR octet_length(task.result::text) > 65536)`;

const lowest = `'-infinity', '00000000-0000-0000-0000-000000000000'`;
const highest = { createdAt: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

function listStatement(filter: TaskFilter, limit: number, after?: ListPosition): pg.QueryConfig {
  const { createdAt, id } = after ?? highest;
  const { name, where, values, orderBy } = shapeOf(filter);
  return {
    ...(name !== undefined && { name: `list-${name}` }),
    // Results are read only for the rows of the page: before the sort, those of all rows would be read.
    text: `SELECT ${columnsButResult}, coalesce(${isLong}, false) AS "hasLongResult",
                  CASE WHEN ${isLong} THEN NULL ELSE task.result END AS "result"
           FROM (
             SELECT *
             FROM ${tables.taskState}
             WHERE ${where}
             ORDER BY ${orderBy}
             LIMIT $3) AS task
           ORDER BY ${newestFirst}`,
    values: [createdAt, id, limit, ...values],
  };
}

interface Shape {
  readonly name?: string;
  readonly where: string;
  /** The parameters from $4 on. */
  readonly values: readonly string[];
  readonly orderBy: string;
}

const isAfter = '(created_at, id) < ($1, $2)';
const newestFirst = 'created_at DESC, id DESC';

/**
 * Each shape sorts by all columns of one index, so that a page is read from that index, and a page in the
 * middle costs as little as the first. With a plain `status = $4` the planner may drop the status from the
 * sort and walk the index of all tasks instead, past every row that does not match: half a second for a
 * million rows where few match. `= ANY` prevents this, with statistics and without, whatever the value.
 */
function shapeOf({ status, type, group }: TaskFilter): Shape {
  if (group !== undefined) return groupShape(group, type, status);
  if (type !== undefined && status !== undefined) {
    return {
      name: 'type-status',
      // With a second `= ANY`, PostgreSQL before 17 would not read in the index's order; with a range within
      // one status it does.
      where: `type = ANY (ARRAY[$4])
              AND (status, created_at, id) BETWEEN ($5, ${lowest}) AND ($5, $1, $2)
              AND id <> $2`,
      values: [type, status],
      orderBy: `type DESC, status DESC, ${newestFirst}`,
    };
  }
  if (type !== undefined) {
    return {
      name: 'type',
      where: `type = ANY (ARRAY[$4]) AND ${isAfter}`,
      values: [type],
      orderBy: `type DESC, ${newestFirst}`,
    };
  }
  if (status !== undefined) {
    return {
      name: 'status',
      where: `status = ANY (ARRAY[$4::${taskStatusType}]) AND ${isAfter}`,
      values: [status],
      orderBy: `status DESC, ${newestFirst}`,
    };
  }
  return { name: 'all', where: isAfter, values: [], orderBy: newestFirst };
}

/** Reads by the index of the group, or by that of the type or status where fewer tasks have it. */
function groupShape(group: string, type: string | undefined, status: TaskStatus | undefined): Shape {
  const values = [group];
  const conditions = ['group_label = ANY (ARRAY[$4])', isAfter];
  for (const [column, value] of Object.entries({ type, status })) {
    if (value === undefined) continue;
    values.push(value);
    conditions.push(`${column} = $${values.length + 3}`);
  }
  return {
    // With more filters, the best index depends on their values: a statement without a name is planned each
    // time.
    ...(values.length === 1 && { name: 'group' }),
    where: conditions.join(' AND '),
    values,
    orderBy: `group_label DESC, ${newestFirst}`,
  };
}
