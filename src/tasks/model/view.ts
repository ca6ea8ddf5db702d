/**
 * The public view of a task. The JSON body is a pure function of the row, so that every process sends the
 * same bytes under one ETag. It never contains the input, the worker, the lease or tokens.
 */
import { roundedPercent, secondsLeft } from '../../../public/progress.js';
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
  /** As of `updatedAt`. */
  ratePerSecond: number | null;
  /**
   * As of `updatedAt`. Null while it is unknown, also after `done` has reached `total`: nobody knows what is
   * left then.
   */
  etaSeconds: number | null;
  message: string | null;
  /** Executions so far; people are shown "try failures + 1 of maxAttempts". */
  attempt: number;
  failures: number;
  maxAttempts: number;
  nextAttemptAt: string | null;
  createdAt: string;
  startedAt: string | null;
  /**
   * When `done` or `percentDone` last rose in the latest attempt, or else when that attempt started; null
   * before the first one.
   */
  progressedAt: string | null;
  updatedAt: string;
  finishedAt: string | null;
  expiresAt: string | null;
  result: unknown;
  /**
   * True only in an answer about many tasks, for a large result: only the task's own URL returns this result.
   */
  resultOmitted?: true;
  error: { code: string; message: string } | null;
  cancelRequested: boolean;
  links: { self: string; html: string; events: string; cancel?: string; retry?: string; result?: string };
}

/** The value of `task_state.error`. */
export interface TaskError {
  code: string;
  message: string;
  attempt: number;
  at: string;
}

/** Maps a task's result to the URL of what the task has made; undefined if its job defines no such link. */
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
    percentDone: roundedPercent(row.percentDone),
    done: row.done,
    total: row.total,
    unit: row.unit,
    ratePerSecond: row.ratePerSecond === null ? null : Number(row.ratePerSecond.toPrecision(6)),
    etaSeconds: secondsLeft(row),
    message: row.message,
    attempt: row.attempt,
    failures: row.failures,
    maxAttempts: row.maxAttempts,
    nextAttemptAt: time(row.nextAttemptAt),
    createdAt: row.createdAt.toISOString(),
    startedAt: time(row.startedAt),
    progressedAt: progressTime(row),
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

/**
 * A runner of an earlier version, which may go on during an upgrade, does not write the time of progress. What
 * an attempt before has left there says nothing of this one.
 */
function progressTime({ progressedAt, startedAt }: TaskRow): string | null {
  return progressedAt !== null && startedAt !== null && progressedAt < startedAt ? null : time(progressedAt);
}

/** Null also for `infinity`, which people set to keep a task for ever: it cannot be represented as a Date. */
function time(at: Date | null): string | null {
  return at !== null && Number.isFinite(Number(at)) ? at.toISOString() : null;
}
