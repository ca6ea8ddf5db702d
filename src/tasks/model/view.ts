/**
 * The task as the outside sees it. The JSON body is a pure function of the row, so that every
 * process sends the same bytes under one ETag; input, worker, lease and tokens are never in it.
 */
import type { TaskRow } from './row.ts';
import { isTerminal, mayRetry, type TaskStatus } from './state-machine.ts';

export interface TaskView {
  id: string;
  /** Rises with every visible change. */
  version: number;
  type: string;
  title: string;
  key: string | null;
  group: string | null;
  status: TaskStatus;
  /** 0 to 100; 100 exactly when the task succeeded. */
  percentDone: number;
  done: number | null;
  total: number | null;
  unit: string | null;
  ratePerSecond: number | null;
  /** As of `updatedAt`; null while unknown, and where the total has been reached: what is left then, nobody knows. */
  etaSeconds: number | null;
  message: string | null;
  /** Executions so far; people are shown "try failures + 1 of maxAttempts". */
  attempt: number;
  failures: number;
  maxAttempts: number;
  nextAttemptAt: string | null;
  createdAt: string;
  startedAt: string | null;
  updatedAt: string;
  finishedAt: string | null;
  expiresAt: string | null;
  result: unknown;
  /** Only where many tasks are told of: the result is large, and told by the task's own URL alone. */
  resultOmitted?: true;
  error: { code: string; message: string } | null;
  cancelRequested: boolean;
  links: { self: string; html: string; events: string; cancel?: string; retry?: string; result?: string };
}

/** What `task_state.error` holds. */
export interface TaskError {
  code: string;
  message: string;
  attempt: number;
  at: string;
}

/** Maps a task's result to the URL of the thing that it made, where its job type says so. */
export type ResultLink = (type: string, result: unknown) => string | undefined;

export function taskUrl(id: string): string {
  return `/tasks/${id}`;
}

/** The public view of one version of a row. */
export function viewTask(row: TaskRow, resultLink: ResultLink): TaskView {
  const self = taskUrl(row.id);
  const error = row.error as TaskError | null;
  const result = row.status === 'succeeded' ? resultLink(row.type, row.result) : undefined;
  return {
    id: row.id,
    version: row.version,
    type: row.type,
    title: row.title,
    key: row.key,
    group: row.group,
    status: row.status,
    percentDone: percentDone(row),
    done: row.done,
    total: row.total,
    unit: row.unit,
    ratePerSecond: row.ratePerSecond === null ? null : Number(row.ratePerSecond.toPrecision(6)),
    etaSeconds: etaSeconds(row),
    message: row.message,
    attempt: row.attempt,
    failures: row.failures,
    maxAttempts: row.maxAttempts,
    nextAttemptAt: time(row.nextAttemptAt),
    createdAt: row.createdAt.toISOString(),
    startedAt: time(row.startedAt),
    updatedAt: row.updatedAt.toISOString(),
    finishedAt: time(row.finishedAt),
    expiresAt: time(row.expiresAt),
    result: row.result,
    error: error && { code: error.code, message: error.message },
    cancelRequested: row.cancelRequestedAt !== null,
    links: {
      self,
      html: self,
      events: `${self}/events`,
      ...(isTerminal(row.status) ? {} : { cancel: `${self}/cancel` }),
      ...(mayRetry(row) ? { retry: `${self}/retry` } : {}),
      ...(result === undefined ? {} : { result }),
    },
  };
}

/** To two decimals, as 55.00000000000001 is for nobody; below 100 it stays below. */
function percentDone({ percentDone: exact }: TaskRow): number {
  return exact === 100 ? 100 : Math.min(99.99, rounded(exact, 100));
}

function rounded(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}

function etaSeconds(row: TaskRow): number | null {
  const { done, total, ratePerSecond } = row;
  if (row.status !== 'running' || done === null || total === null || !ratePerSecond) return null;
  return done < total ? rounded((total - done) / ratePerSecond, 10) : null;
}

/** Null also for `infinity`, by which people keep a task for ever: no driver reads it as a date. */
function time(at: Date | null): string | null {
  return at !== null && Number.isFinite(Number(at)) ? at.toISOString() : null;
}
