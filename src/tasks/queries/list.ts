/** Lists of tasks, newest first, a page at a time: each page begins where the one before it ended. */

import type pg from 'pg';
import { tables, taskStatusType } from '../../database/names.ts';
import { columnsButResult, type TaskRow } from '../model/row.ts';
import type { TaskStatus } from '../model/state-machine.ts';
import type { Store } from '../store.ts';

/** Which tasks are listed; without any of them, all. */
export interface TaskFilter {
  readonly status?: TaskStatus | undefined;
  readonly type?: string | undefined;
  readonly group?: string | undefined;
}

/** A place in the order of a list, whether or not its task is still there. */
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
  /** What the next page comes after; undefined on the last one. */
  readonly next: ListPosition | undefined;
}

/**
 * The page after `after`, or the newest one. A task that was there at the first page and still fits comes
 * exactly once, whatever else is submitted meanwhile.
 * @param limit the most tasks on it
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
 * Far above what any list tells, so that whoever reads the list decides. A hundred results of a megabyte would take
 * a second to read, in which nobody else is answered. What is stored of a long one may be short, and the other way
 * round at most six times as long.
 */
const isLong = `(pg_column_size(task.result) > 100000 OR octet_length(task.result::text) > 65536)`;

const lowest = `'-infinity', '00000000-0000-0000-0000-000000000000'`;
const highest = { createdAt: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

function listStatement(filter: TaskFilter, limit: number, after?: ListPosition): pg.QueryConfig {
  const { createdAt, id } = after ?? highest;
  const { name, where, values, orderBy } = shapeOf(filter);
  return {
    ...(name !== undefined && { name: `list-${name}` }),
    // Results are looked at when the page is known: before a sort, it would be those of all rows.
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
  /** From $4 on. */
  readonly values: readonly string[];
  readonly orderBy: string;
}

const isAfter = '(created_at, id) < ($1, $2)';
const newestFirst = 'created_at DESC, id DESC';

/**
 * Each shape asks for the order of one index, all of its columns named, so that a page is read from that index
 * and is as cheap in the middle as at the start. A plain `status = $4` would let the planner drop the status from
 * the order and walk the index of all tasks instead, past everything that does not fit: half a second of a million
 * rows where few of them do. `= ANY` keeps it from that, with statistics and without, whatever the value.
 */
function shapeOf({ status, type, group }: TaskFilter): Shape {
  if (group !== undefined) return groupShape(group, type, status);
  if (type !== undefined && status !== undefined) {
    return {
      name: 'type-status',
      // A second `= ANY` would lose the order before PostgreSQL 17; a range of one status does not.
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

/** Through the index of the group's tasks, or that of the type or status where those are fewer. */
function groupShape(group: string, type: string | undefined, status: TaskStatus | undefined): Shape {
  const values = [group];
  const conditions = ['group_label = ANY (ARRAY[$4])', isAfter];
  for (const [column, value] of Object.entries({ type, status })) {
    if (value === undefined) continue;
    values.push(value);
    conditions.push(`${column} = $${values.length + 3}`);
  }
  return {
    // With more filters it depends on their values which index is best: without a name, it is planned each time.
    ...(values.length === 1 && { name: 'group' }),
    where: conditions.join(' AND '),
    values,
    orderBy: `group_label DESC, ${newestFirst}`,
  };
}
