/**
 * The statement that writes a runner's progress, and whose answer says which attempts the runner still owns.
 */
import { channels, tables } from '../../database/names.ts';
import type { AttemptRef } from '../life/end.ts';
import { fence, lockOwned } from '../life/fence.ts';
import { type ProgressReport, progressedAtSql } from '../model/progress-report.ts';
import type { Store } from '../store.ts';

export interface FlushItem extends AttemptRef {
  /** Absent where nothing has changed; the answer then still says whether the attempt is owned. */
  readonly report?: ProgressReport | undefined;
}

export interface FlushAnswer extends AttemptRef {
  /** `unknown`: the task runs under this worker, but the worker does not know of it. */
  readonly kind: 'owned' | 'not_owned' | 'unknown';
  readonly wasWritten: boolean;
  readonly cancelRequested: boolean;
}

const flushSql = `
  WITH sent AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::boolean[], $4::float8[], $5::float8[], $6::float8[],
                         $7::text[], $8::float8[], $9::float8[], $10::float8[], $11::text[])
      AS sent (id, attempt, has_changed, percent_done, done, total, unit, rate_per_second, eta_seconds,
               progressed_ms_ago, message)
  ), changed AS (
    SELECT * FROM sent WHERE has_changed
  ), locked AS MATERIALIZED (
    -- Only changed rows are locked, without waiting: a row that is already locked is written next time.
    ${lockOwned('changed', 'changed.*', 'SKIP LOCKED')}
  ), written AS (
    -- A heap-only update: no index contains a column that is set here.
    UPDATE ${tables.taskState} AS task
    SET percent_done = greatest(task.percent_done, locked.percent_done), done = locked.done, total = locked.total,
        unit = locked.unit, rate_per_second = locked.rate_per_second, eta_seconds = locked.eta_seconds,
        message = locked.message, progressed_at = ${progressedAtSql('locked', 'now()')},
        version = version + 1, updated_at = now()
    FROM locked
    WHERE task.id = locked.id
    -- The COMMIT delivers the notification to the processes whose clients may wait for this task.
    RETURNING task.id, pg_notify('${channels.progress}', task.id::text)
  ), logged AS (
    INSERT INTO ${tables.taskEvent} (task_id, attempt, kind, detail)
    SELECT locked.id, locked.attempt, 'log', jsonb_build_object('text', line.text)
    FROM locked JOIN unnest($12::uuid[], $13::text[]) WITH ORDINALITY AS line (id, text, place) ON line.id = locked.id
    ORDER BY line.place
  )
  SELECT sent.id AS "taskId", sent.attempt,
         CASE WHEN ${fence('task', 'sent.id', 'sent.attempt')} THEN 'owned' ELSE 'not_owned' END AS kind,
         written.id IS NOT NULL AS "wasWritten",
         task.cancel_requested_at IS NOT NULL AS "cancelRequested"
  FROM sent
  CROSS JOIN LATERAL (SELECT * FROM ${tables.taskState} WHERE task_state.id = sent.id LIMIT 1) AS task
  LEFT JOIN written ON written.id = sent.id
  UNION ALL
  SELECT id, attempt, 'unknown', FALSE, FALSE
  FROM ${tables.taskState}
  WHERE worker_id = $14 AND status = 'running' AND id <> ALL ($1::uuid[])`;

/** Writes the reports, and says of every attempt whether it is still owned. */
export async function flushProgress(
  store: Store,
  workerId: string,
  items: readonly FlushItem[],
): Promise<FlushAnswer[]> {
  const lines = items.flatMap(({ taskId, report }) => report?.log.map((text) => ({ taskId, text })) ?? []);
  const { rows } = await store.db.pool.query<FlushAnswer>({
    name: 'flush-progress',
    text: flushSql,
    values: [
      items.map((item) => item.taskId),
      items.map((item) => item.attempt),
      items.map((item) => item.report !== undefined),
      items.map((item) => item.report?.percentDone ?? null),
      items.map((item) => item.report?.done ?? null),
      items.map((item) => item.report?.total ?? null),
      items.map((item) => item.report?.unit ?? null),
      items.map((item) => item.report?.ratePerSecond ?? null),
      items.map((item) => item.report?.etaSeconds ?? null),
      items.map((item) => item.report?.progressedMsAgo ?? null),
      items.map((item) => item.report?.message ?? null),
      lines.map((line) => line.taskId),
      lines.map((line) => line.text),
      workerId,
    ],
  });
  return rows;
}
