/**
 * The statements of the snapshots: one reads rows by id, the other finds which of many known tasks have
 * changed.
 */

import type pg from 'pg';
import { tables } from '../../database/names.ts';
import { type TaskRow, taskColumns } from '../model/row.ts';

/** The most bytes of stored results that one statement reads: a large answer holds up everything else. */
const maxResultBytes = 4 * 1024 * 1024;

export interface RowsRead {
  readonly rows: readonly TaskRow[];
  /** Ids of tasks that exist, but whose results were too much for this answer. */
  readonly deferred: readonly string[];
}

/** Unknown ids are absent from the answer. */
export async function readRows(pool: pg.Pool, ids: readonly string[]): Promise<RowsRead> {
  const { rows } = await pool.query<KnownRow>({
    name: 'snapshot-rows',
    // LATERAL keeps the plan to one look-up of the primary key for each id, however the table grows. The size
    // of a long result is known from its row, without reading the result.
    text: `WITH sized AS MATERIALIZED (
             SELECT task.id, sum(coalesce(pg_column_size(task.result), 0)) OVER (ORDER BY wanted.place) AS bytes,
                    row_number() OVER (ORDER BY wanted.place) AS number
             FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, place)
             CROSS JOIN LATERAL (SELECT id, result FROM ${tables.taskState} WHERE task_state.id = wanted.id LIMIT 1) AS task
           )
           SELECT sized.id AS "knownId", task.*
           FROM sized
           LEFT JOIN LATERAL (
             SELECT ${taskColumns} FROM ${tables.taskState} AS task
             WHERE task.id = sized.id AND (sized.bytes <= ${maxResultBytes} OR sized.number = 1)
             LIMIT 1) AS task ON TRUE`,
    values: [literal(ids)],
  });
  return {
    rows: rows.filter(({ id }) => id !== null),
    deferred: rows.flatMap(({ id, knownId }) => (id === null ? [knownId] : [])),
  };
}

/** All of the task's columns are null where its row is gone, or was deferred. */
interface KnownRow extends TaskRow {
  readonly knownId: string;
}

/** What has become of a task whose version is known: its changed row, or null where the task is gone. */
export interface Change {
  readonly id: string;
  readonly row: TaskRow | null;
}

/**
 * The tasks among `ids` whose version is not the known one any more, and those that are gone.
 * @param versions the known version of each id
 */
export async function readChanges(
  pool: pg.Pool,
  ids: readonly string[],
  versions: readonly number[],
): Promise<Change[]> {
  const { rows } = await pool.query<KnownRow>({
    name: 'snapshot-changes',
    // LATERAL as above. Unchanged rows are dropped before their JSON is read from the place where PostgreSQL
    // stores long values (TOAST).
    text: `SELECT known.id AS "knownId", task.*
           FROM unnest($1::uuid[], $2::int[]) AS known (id, version)
           LEFT JOIN LATERAL (SELECT ${taskColumns} FROM ${tables.taskState} AS task WHERE task.id = known.id LIMIT 1) AS task ON TRUE
           WHERE task.version IS DISTINCT FROM known.version`,
    values: [literal(ids), literal(versions)],
  });
  return rows.map(({ knownId, ...row }) => ({ id: knownId, row: row.id === null ? null : row }));
}

/** An array in PostgreSQL's own notation: the driver would quote ten thousand ids one by one. */
function literal(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`;
}
