/** The statements of the snapshots: rows by id, and those of many ids that have changed. */
import type pg from 'pg';
import { type TaskRow, taskColumns } from '../row.ts';

/** Unknown ids are absent from the answer. */
export async function readRows(pool: pg.Pool, ids: readonly string[]): Promise<TaskRow[]> {
  const { rows } = await pool.query<TaskRow>({
    name: 'snapshot-rows',
    // LATERAL keeps the plan to one look-up of the primary key for each id, however the table grows.
    text: `SELECT task.*
           FROM unnest($1::uuid[]) AS wanted (id)
           CROSS JOIN LATERAL (SELECT ${taskColumns} FROM task_state AS task WHERE task.id = wanted.id LIMIT 1) AS task`,
    values: [literal(ids)],
  });
  return rows;
}

/** What has become of a task whose version is known: its newer row, or null where it is gone. */
export interface Change {
  readonly id: string;
  readonly row: TaskRow | null;
}

interface ChangedRow extends TaskRow {
  readonly knownId: string;
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
  const { rows } = await pool.query<ChangedRow>({
    name: 'snapshot-changes',
    // As above. What has not changed is dropped before its JSON is read from where long values lie.
    text: `SELECT known.id AS "knownId", task.*
           FROM unnest($1::uuid[], $2::int[]) AS known (id, version)
           LEFT JOIN LATERAL (SELECT ${taskColumns} FROM task_state AS task WHERE task.id = known.id LIMIT 1) AS task ON TRUE
           WHERE task.version IS DISTINCT FROM known.version`,
    values: [literal(ids), literal(versions)],
  });
  return rows.map(({ knownId, ...row }) => ({ id: knownId, row: row.id === null ? null : row }));
}

/** An array as PostgreSQL writes it: the driver would quote ten thousand ids one by one. */
function literal(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`;
}
