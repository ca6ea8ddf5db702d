/**
 * A task's row as our own SQL reads it: only the columns that an answer or a page is made from. The input and
 * the checkpoint, which are large and are shown to nobody, are not read.
 */
import type { TaskState } from '../../generated/prisma/client.ts';

/** The columns of which `viewTask` makes the public view. */
export type TaskRow = Pick<
  TaskState,
  | 'id'
  | 'type'
  | 'key'
  | 'group'
  | 'title'
  | 'status'
  | 'percentDone'
  | 'done'
  | 'total'
  | 'unit'
  | 'ratePerSecond'
  | 'etaSeconds'
  | 'message'
  | 'attempt'
  | 'failures'
  | 'losses'
  | 'maxAttempts'
  | 'nextAttemptAt'
  | 'workerId'
  | 'checkpointNo'
  | 'result'
  | 'error'
  | 'cancelRequestedAt'
  | 'replacedBy'
  | 'reportTokenHash'
  | 'version'
  | 'createdAt'
  | 'startedAt'
  | 'progressedAt'
  | 'updatedAt'
  | 'finishedAt'
  | 'expiresAt'
>;

const columns: Readonly<Record<keyof TaskRow, string>> = {
  id: 'id',
  type: 'type',
  key: 'key',
  group: 'group_label',
  title: 'title',
  status: 'status',
  percentDone: 'percent_done',
  done: 'done',
  total: 'total',
  unit: 'unit',
  ratePerSecond: 'rate_per_second',
  etaSeconds: 'eta_seconds',
  message: 'message',
  attempt: 'attempt',
  failures: 'failures',
  losses: 'losses',
  maxAttempts: 'max_attempts',
  nextAttemptAt: 'next_attempt_at',
  workerId: 'worker_id',
  checkpointNo: 'checkpoint_no',
  result: 'result',
  error: 'error',
  cancelRequestedAt: 'cancel_requested_at',
  replacedBy: 'replaced_by',
  reportTokenHash: 'report_token_hash',
  version: 'version',
  createdAt: 'created_at',
  startedAt: 'started_at',
  progressedAt: 'progressed_at',
  updatedAt: 'updated_at',
  finishedAt: 'finished_at',
  expiresAt: 'expires_at',
};

/** The select list of a `TaskRow`, from the table (or alias) `task`. */
export const taskColumns = selectList(Object.keys(columns) as (keyof TaskRow)[]);

/** The select list without the result. */
export const columnsButResult = selectList(
  (Object.keys(columns) as (keyof TaskRow)[]).filter((field) => field !== 'result'),
);

/** The select list of a `TaskRow` from a query that has its fields as columns. */
export function taskFields(query: string): string {
  return Object.keys(columns)
    .map((field) => `${query}."${field}"`)
    .join(', ');
}

function selectList(fields: readonly (keyof TaskRow)[]): string {
  return fields.map((field) => `task.${columns[field]} AS "${field}"`).join(', ');
}

/**
 * SQL that is true where the row `task` has a checkpoint. A checkpoint of JSON null counts as none: the next
 * attempt begins from the start.
 */
export function hasCheckpointSql(task: string): string {
  return `coalesce(${task}.checkpoint, 'null') <> 'null'`;
}
