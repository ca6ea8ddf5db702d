/**
 * How a runner ends its own attempts: fenced, and many in one statement. A row that somebody else has locked
 * is left out, because waiting for it would hold up the others; `stillRunning` finds the attempts that were
 * left out.
 */

import type { Connection } from '../../database/database.ts';
import { tables } from '../../database/names.ts';
import { type ProgressReport, progressedAtSql } from '../model/progress-report.ts';
import type { Store } from '../store.ts';
import { endTime, expiryParameter, expirySql } from './expiry.ts';
import { fence, lockOwned } from './fence.ts';
import { type LeftAttempt, leaveRunning, leaveSql, lockedColumns } from './leave.ts';

export interface AttemptRef {
  readonly taskId: string;
  readonly attempt: number;
}

export interface Success extends AttemptRef {
  /** JSON text. */
  readonly result: string;
  /** What the attempt has reported since the last flush. */
  readonly report: ProgressReport;
}

export interface Failure extends AttemptRef {
  readonly outcome: 'failed' | 'timed_out' | 'permanent' | 'handed_back';
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  readonly delaySeconds: number;
  readonly report: ProgressReport;
}

/** Anything that runs a statement: the pool, a connection, or a job's transaction. */
export type RunSql = (text: string, values: unknown[]) => Promise<AttemptRef[]>;

// The last done, total, unit and message, which the page goes on showing after the end.
const reportColumns = '$3::float8[], $4::float8[], $5::text[], $6::text[]';

function reportValues(ends: readonly { report: ProgressReport }[]): unknown[] {
  return [
    ends.map(({ report }) => report.done),
    ends.map(({ report }) => report.total),
    ends.map(({ report }) => report.unit),
    ends.map(({ report }) => report.message),
  ];
}

/** @param wait `SKIP LOCKED`, or empty to wait for rows that others have locked */
const succeedSql = (wait = '') => `
  WITH ending AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], ${reportColumns}, $7::jsonb[])
      AS ending (id, attempt, done, total, unit, message, result)
  ), locked AS MATERIALIZED (
    ${lockOwned('ending', 'ending.*', wait)}
  ), moved AS (
    UPDATE ${tables.taskState} AS task
    SET status = 'succeeded', percent_done = 100, result = locked.result, error = NULL, losses = 0,
        done = coalesce(locked.done, task.done), total = coalesce(locked.total, task.total),
        unit = coalesce(locked.unit, task.unit), message = coalesce(locked.message, task.message),
        rate_per_second = NULL, eta_seconds = NULL, progressed_at = ${endTime}, worker_id = NULL,
        finished_at = ${endTime},
        expires_at = ${expirySql('$8', 'task.type')}, version = version + 1, updated_at = ${endTime}
    FROM locked
    WHERE task.id = locked.id
    RETURNING task.id, task.attempt, task.cancel_requested_at
  ), told AS (
    INSERT INTO ${tables.taskEvent} (task_id, attempt, kind, detail, at)
    SELECT id, attempt, kind, detail, ${endTime} FROM (
      SELECT moved.id, moved.attempt, 'log' AS kind, jsonb_build_object('text', line.text) AS detail, line.place
      FROM moved JOIN unnest($9::uuid[], $10::text[]) WITH ORDINALITY AS line (id, text, place) ON line.id = moved.id
      UNION ALL
      SELECT id, attempt, 'succeeded',
             CASE WHEN cancel_requested_at IS NOT NULL
                  THEN jsonb_build_object('message', 'The task had finished before the request to cancel took effect') END,
             NULL
      FROM moved
    ) AS event
    ORDER BY place NULLS LAST
  )
  SELECT id AS "taskId", attempt FROM moved`;

function succeedValues(store: Store, ends: readonly Success[]): unknown[] {
  return [
    ends.map((end) => end.taskId),
    ends.map((end) => end.attempt),
    ...reportValues(ends),
    ends.map((end) => end.result),
    expiryParameter(store),
    ...logValues(ends),
  ];
}

/**
 * Ends an attempt that returned, in a transaction of its job, which waits for the row's lock.
 * @returns whether the attempt still owned its task
 */
export async function succeedWithin(store: Store, end: Success, run: RunSql): Promise<boolean> {
  return (await run(succeedSql(), succeedValues(store, [end]))).length === 1;
}

const succeedAloneSql = succeedSql('SKIP LOCKED');

/**
 * Ends attempts that returned, outside any transaction of a job.
 * @returns the attempts that were ended: they still owned their tasks, and nobody else had locked the rows
 */
export async function succeedAlone(store: Store, ends: readonly Success[]): Promise<AttemptRef[]> {
  const { rows } = await store.db.pool.query<AttemptRef>({
    name: 'succeed',
    text: succeedAloneSql,
    values: succeedValues(store, ends),
  });
  return rows;
}

const failSql = leaveSql(
  `ending AS MATERIALIZED (
     SELECT * FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::float8[])
       AS ending (id, attempt, outcome, code, message, delay))`,
  lockOwned(
    'ending',
    `${lockedColumns}, ending.outcome <> 'handed_back' AS counts, ending.outcome = 'permanent' AS final,
     NULL::int AS loss, NULL::text AS blame, CASE WHEN ending.outcome = 'handed_back' THEN 'handed_back' ELSE 'retrying' END AS kind,
     ending.code, ending.message, ending.delay`,
  ),
);

const lastReportSql = `
  WITH ending AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], ${reportColumns}, $7::float8[], $8::float8[])
      AS ending (id, attempt, done, total, unit, message, percent_done, progressed_ms_ago)
  ), locked AS MATERIALIZED (
    ${lockOwned('ending', 'ending.*', 'SKIP LOCKED')}
  ), told AS (
    INSERT INTO ${tables.taskEvent} (task_id, attempt, kind, detail)
    SELECT locked.id, locked.attempt, 'log', jsonb_build_object('text', line.text)
    FROM locked JOIN unnest($9::uuid[], $10::text[]) WITH ORDINALITY AS line (id, text, place) ON line.id = locked.id
    ORDER BY line.place
  )
  UPDATE ${tables.taskState} AS task
  SET done = coalesce(locked.done, task.done), total = coalesce(locked.total, task.total),
      unit = coalesce(locked.unit, task.unit), message = coalesce(locked.message, task.message),
      percent_done = greatest(task.percent_done, locked.percent_done),
      progressed_at = ${progressedAtSql('locked', endTime)}
  FROM locked
  WHERE task.id = locked.id
  RETURNING task.id`;

/**
 * Ends attempts in any way but success: the row decides whether its task is queued, fails or is cancelled.
 * @returns the attempts that were ended, as for `succeedAlone`, and what became of their tasks
 */
export function fail(store: Store, asked: readonly Failure[]): Promise<LeftAttempt[]> {
  return store.queue.inTransaction(async (connection) => {
    const held = await writeLastReports(connection, asked);
    // A row that somebody else had locked has no last report yet, and must not end without it.
    const ends = asked.filter((end) => held.has(end.taskId));
    if (ends.length === 0) return [];
    return leaveRunning(store, connection, {
      name: 'fail',
      text: failSql,
      values: [
        ends.map((end) => end.taskId),
        ends.map((end) => end.attempt),
        ends.map((end) => end.outcome),
        ends.map((end) => end.error?.code ?? null),
        ends.map((end) => end.error?.message ?? null),
        ends.map((end) => end.delaySeconds),
      ],
    });
  });
}

/** @returns the ids of the tasks whose rows this transaction has now locked */
async function writeLastReports(connection: Connection, ends: readonly Failure[]): Promise<Set<string>> {
  const { rows } = await connection.query<{ id: string }>({
    name: 'last-report',
    text: lastReportSql,
    values: [
      ends.map((end) => end.taskId),
      ends.map((end) => end.attempt),
      ...reportValues(ends),
      ends.map((end) => end.report.percentDone),
      ends.map((end) => end.report.progressedMsAgo),
      ...logValues(ends),
    ],
  });
  return new Set(rows.map((row) => row.id));
}

/** Which of these attempts still own their tasks: read by the primary key, without waiting for any lock. */
export async function stillRunning(store: Store, attempts: readonly AttemptRef[]): Promise<AttemptRef[]> {
  const { rows } = await store.db.pool.query<AttemptRef>({
    name: 'still-running',
    text: `SELECT asked.id AS "taskId", asked.attempt
           FROM unnest($1::uuid[], $2::int[]) AS asked (id, attempt)
           WHERE EXISTS (SELECT FROM ${tables.taskState} AS task WHERE ${fence('task', 'asked.id', 'asked.attempt')})`,
    values: [attempts.map(({ taskId }) => taskId), attempts.map(({ attempt }) => attempt)],
  });
  return rows;
}

function logValues(ends: readonly (AttemptRef & { report: ProgressReport })[]): [string[], string[]] {
  const lines = ends.flatMap((end) => end.report.log.map((text) => ({ id: end.taskId, text })));
  return [lines.map((line) => line.id), lines.map((line) => line.text)];
}
