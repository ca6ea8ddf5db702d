/** Tasks in every state, for the tests of the pages. */
import type { TaskPageView } from '../../src/api/pages/index.ts';
import { renderResult } from '../../src/jobs/csv-import/result-view.ts';
import type { TaskView } from '../../src/tasks/model/view.ts';
import type { HistoryEntry } from '../../src/tasks/queries/read.ts';

export const taskId = '0198c0de-0000-7000-8000-00000000c0de';
export const now = new Date('2026-03-01T12:00:30Z');

const queuedTask: TaskView = {
  id: taskId,
  version: 1,
  type: 'csv-import',
  title: 'Import people.csv',
  key: null,
  group: null,
  status: 'queued',
  percentDone: 0,
  done: null,
  total: null,
  unit: null,
  ratePerSecond: null,
  etaSeconds: null,
  message: null,
  attempt: 0,
  failures: 0,
  maxAttempts: 3,
  nextAttemptAt: null,
  createdAt: '2026-03-01T12:00:00.000Z',
  startedAt: null,
  progressedAt: null,
  updatedAt: '2026-03-01T12:00:00.000Z',
  finishedAt: null,
  expiresAt: null,
  result: null,
  error: null,
  cancelRequested: false,
  links: {
    self: `/tasks/${taskId}`,
    html: `/tasks/${taskId}`,
    events: `/tasks/${taskId}/events`,
    cancel: `/tasks/${taskId}/cancel`,
  },
};

const endedLinks = { self: `/tasks/${taskId}`, html: `/tasks/${taskId}`, events: `/tasks/${taskId}/events` };

export function queued(changes: Partial<TaskView> = {}): TaskView {
  return { ...queuedTask, ...changes };
}

export function running(changes: Partial<TaskView> = {}): TaskView {
  return {
    ...queuedTask,
    status: 'running',
    attempt: 1,
    startedAt: '2026-03-01T12:00:01.000Z',
    progressedAt: '2026-03-01T12:00:29.000Z',
    updatedAt: '2026-03-01T12:00:29.000Z',
    percentDone: 24.6,
    done: 12_300,
    total: 50_000,
    unit: 'rows',
    ratePerSecond: 8200,
    etaSeconds: 4.6,
    ...changes,
  };
}

export function succeeded(changes: Partial<TaskView> = {}): TaskView {
  return {
    ...running(),
    status: 'succeeded',
    percentDone: 100,
    done: 50_000,
    ratePerSecond: null,
    etaSeconds: null,
    finishedAt: '2026-03-01T12:01:13.000Z',
    expiresAt: '2026-03-31T12:01:13.000Z',
    result: {
      imported: 49_998,
      rejected: 2,
      columns: ['name', 'city'],
      datasetId: taskId,
      rejectedLines: [
        { line: 17, reason: 'three fields where two were expected' },
        { line: 4711, reason: 'no closing quote' },
      ],
    },
    links: endedLinks,
    ...changes,
  };
}

export function failed(changes: Partial<TaskView> = {}): TaskView {
  return {
    ...running(),
    status: 'failed',
    attempt: 3,
    failures: 3,
    ratePerSecond: null,
    etaSeconds: null,
    finishedAt: '2026-03-01T12:01:13.000Z',
    error: { code: 'file_not_text', message: 'The file is not text: it looks like a ZIP archive.' },
    links: { ...endedLinks, retry: `/tasks/${taskId}/retry` },
    ...changes,
  };
}

export function cancelled(changes: Partial<TaskView> = {}): TaskView {
  return {
    ...running(),
    status: 'cancelled',
    ratePerSecond: null,
    etaSeconds: null,
    finishedAt: '2026-03-01T12:01:13.000Z',
    cancelRequested: true,
    links: { ...endedLinks, retry: `/tasks/${taskId}/retry` },
    ...changes,
  };
}

export function event(kind: string, attempt: number, detail: unknown = null, second = attempt): HistoryEntry {
  return { at: new Date(Date.parse('2026-03-01T12:00:00Z') + 1000 * second), attempt, kind, detail };
}

export function pageOf(task: TaskView, changes: Partial<TaskPageView> = {}): TaskPageView {
  return {
    task,
    history: [event('submitted', 0), event('started', 1)],
    hasCheckpoint: true,
    place: null,
    worker: { heardAt: now, leaseExpiresAt: now },
    resultLink: undefined,
    renderResult,
    now,
    ...changes,
  };
}
