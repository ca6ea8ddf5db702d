/** Ends of attempts, as a runner writes them. */
import type { AttemptRef, Failure, Success } from '../../src/tasks/life/end.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';

export const jobError = { code: 'job_error', message: 'it broke' };

export function success({ taskId, attempt }: AttemptRef, options: Partial<Success> = {}): Success {
  return { taskId, attempt, result: '{"ok": true}', report: emptyReport, ...options };
}

export function failure({ taskId, attempt }: AttemptRef, options: Partial<Failure> = {}): Failure {
  const failed = { outcome: 'failed', error: jobError, delaySeconds: 0, report: emptyReport } as const;
  return { taskId, attempt, ...failed, ...options };
}

export const handBack = (task: AttemptRef) => failure(task, { outcome: 'handed_back', error: undefined });
