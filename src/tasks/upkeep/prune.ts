/**
 * Prune: deletes finished tasks that a person chose. It reads and deletes by index in batches that each
 * commit alone, so that neither a running task nor the clearing of dead rows (vacuum) waits for it.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type pg from 'pg';
import { tables } from '../../database/names.ts';
import type { terminalStatuses } from '../model/state-machine.ts';
import { deleteSql } from './deletion.ts';
import type { Duration } from './duration.ts';

export type FinishedStatus = (typeof terminalStatuses)[number];

export interface PruneFilter {
  /** Only tasks that had finished by this time. */
  readonly finishedBy: Date;
  readonly statuses: readonly FinishedStatus[];
  /** All types where it is absent. */
  readonly types?: readonly string[] | undefined;
  readonly group?: string | undefined;
}

export interface PruneSurvey {
  readonly tasks: number;
  readonly files: number;
  /** An estimate: the sizes as stored, without indexes. */
  readonly bytes: { readonly rows: number; readonly history: number; readonly files: number };
  /** The ten oldest tasks. */
  readonly sample: readonly PrunableTask[];
}

export interface PrunableTask {
  readonly id: string;
  readonly type: string;
  readonly status: FinishedStatus;
  readonly title: string;
  readonly createdAt: Date;
  readonly finishedAt: Date;
}

const surveyRows = 5_000;
const deletedRows = 500;
const sampleRows = 10;

/**
 * The time that lies this long ago, by the database's clock; months and years count by the calendar of UTC.
 */
export async function timeAgo(pool: pg.Pool, { months, seconds }: Duration): Promise<Date> {
  const { rows } = await pool.query<{ time: Date }>(
    `SELECT (now() AT TIME ZONE 'UTC' - make_interval(months => $1, secs => $2)) AT TIME ZONE 'UTC' AS time`,
    [months, seconds],
  );
  if (!rows[0]) throw new Error('The database did not tell its time');
  return rows[0].time;
}

/** What the filter finds now: the number of tasks, about how many bytes they take, and the oldest of them. */
export async function surveyPrune(pool: pg.Pool, filter: PruneFilter): Promise<PruneSurvey> {
  const total = { tasks: 0, files: 0, bytes: { rows: 0, history: 0, files: 0 } };
  const sample: PrunableTask[] = [];
  for (const part of partsOf(filter)) {
    const { rows } = await pool.query<PrunableTask>(sampleQuery(part));
    sample.push(...rows);
    for await (const batch of walk<SurveyBatch>(pool, part, surveySql, surveyRows)) {
      total.tasks += batch.tasks;
      total.files += batch.files;
      total.bytes.rows += batch.rowBytes;
      total.bytes.history += batch.eventBytes;
      total.bytes.files += batch.fileBytes;
    }
  }
  sample.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
  return { ...total, sample: sample.slice(0, sampleRows) };
}

/**
 * Deletes what the filter finds. Files are left to `sweepFiles`.
 * @param onBatch told how many tasks have been deleted so far
 * @returns how many tasks were deleted: all that match, but for those that somebody else had locked; fewer
 *   where `signal` aborted
 */
export async function prune(
  pool: pg.Pool,
  filter: PruneFilter,
  { onBatch, signal }: { onBatch?: (deleted: number) => void; signal?: AbortSignal } = {},
): Promise<number> {
  let deleted = 0;
  for (const part of partsOf(filter)) {
    for await (const batch of walk<DeletedBatch>(pool, part, deleteBatchSql, deletedRows)) {
      deleted += batch.deleted;
      onBatch?.(deleted);
      // Between two batches the process can handle a signal that it was sent.
      await nextTurn();
      if (signal?.aborted) return deleted;
    }
  }
  return deleted;
}

/** Tasks that lie together in one index, in the order of their creation. */
interface Part {
  readonly finishedBy: Date;
  readonly status: FinishedStatus;
  readonly type: string | undefined;
  readonly group: string | undefined;
}

function partsOf({ finishedBy, statuses, types, group }: PruneFilter): Part[] {
  const eachType = types === undefined ? [undefined] : [...new Set(types)];
  return [...new Set(statuses)].flatMap((status) =>
    eachType.map((type) => ({ finishedBy, status, type, group })),
  );
}

interface Place {
  readonly createdAt: Date | '-infinity';
  readonly id: string;
}

const start: Place = { createdAt: '-infinity', id: '00000000-0000-0000-0000-000000000000' };

interface SurveyBatch extends Place {
  readonly found: number;
  readonly tasks: number;
  readonly files: number;
  readonly rowBytes: number;
  readonly eventBytes: number;
  readonly fileBytes: number;
}

interface DeletedBatch extends Place {
  readonly found: number;
  readonly deleted: number;
}

/** Goes through a part batch by batch, each beginning where the last one ended: no row is read twice. */
async function* walk<Batch extends Place & { found: number }>(
  pool: pg.Pool,
  part: Part,
  statement: (conditions: string, rows: number) => string,
  rows: number,
): AsyncGenerator<Batch> {
  let place: Place = start;
  for (;;) {
    const { conditions, values } = conditionsOf(part, place);
    const result = await pool.query<Batch>(statement(conditions, rows), values);
    const batch = result.rows[0];
    if (!batch) return;
    yield batch;
    if (batch.found < rows) return;
    place = batch;
  }
}

/**
 * Only the conditions that are asked for, so that the planner takes the index made for them: by status, by
 * type and status, or by group. A task that had finished by `finishedBy` was created before: the condition on
 * `created_at` limits what is read of the index.
 */
function conditionsOf(part: Part, place: Place): { conditions: string; values: unknown[] } {
  const values: unknown[] = [part.status, part.finishedBy, place.createdAt, place.id];
  let conditions = `status = $1 AND finished_at <= $2 AND created_at <= $2 AND (created_at, id) > ($3, $4)`;
  for (const [column, value] of [
    ['type', part.type],
    ['group_label', part.group],
  ]) {
    if (value !== undefined) conditions += ` AND ${column} = $${values.push(value)}`;
  }
  return { conditions, values };
}

function sampleQuery(part: Part): { text: string; values: unknown[] } {
  const { conditions, values } = conditionsOf(part, start);
  const text = `
    SELECT id, type, status, title, created_at AS "createdAt", finished_at AS "finishedAt"
    FROM ${tables.taskState}
    WHERE ${conditions}
    ORDER BY created_at, id
    LIMIT ${sampleRows}`;
  return { text, values };
}

const lastOf = (cte: string) =>
  `(SELECT created_at, id FROM ${cte} ORDER BY created_at DESC, id DESC LIMIT 1) AS last`;

function surveySql(conditions: string, rows: number): string {
  return `
    WITH found AS MATERIALIZED (
      SELECT id, created_at, pg_column_size(task.*) AS bytes
      FROM ${tables.taskState} AS task
      WHERE ${conditions}
      ORDER BY created_at, id
      LIMIT ${rows}
    ), history AS (
      SELECT sum(pg_column_size(event.*)) AS bytes
      FROM found JOIN ${tables.taskEvent} AS event ON event.task_id = found.id
    ), files AS (
      SELECT count(*) AS count, sum(file.size) AS bytes
      FROM found JOIN ${tables.file} ON file.task_id = found.id
    ), total AS (
      SELECT count(*)::int AS tasks, sum(bytes)::float8 AS bytes FROM found
    )
    SELECT total.tasks AS found, total.tasks, total.bytes AS "rowBytes",
           coalesce(history.bytes, 0)::float8 AS "eventBytes",
           files.count::int AS files, coalesce(files.bytes, 0)::float8 AS "fileBytes",
           last.created_at AS "createdAt", last.id
    FROM total, history, files, ${lastOf('found')}`;
}

function deleteBatchSql(conditions: string, rows: number): string {
  return deleteSql(
    `doomed AS MATERIALIZED (
       SELECT id, created_at FROM ${tables.taskState}
       WHERE ${conditions}
       ORDER BY created_at, id
       LIMIT ${rows}
       FOR UPDATE SKIP LOCKED
     )`,
    `(SELECT count(*)::int FROM doomed) AS found, (SELECT count(*)::int FROM deleted) AS deleted,
     last.created_at AS "createdAt", last.id
     FROM ${lastOf('doomed')}`,
  );
}
