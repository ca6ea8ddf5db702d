/** Ends of attempts, as a runner writes them. */
import type { Failure, Success } from '../../src/tasks/life/end.ts';
import type { Store } from '../../src/tasks/store.ts';
import { emptyReport, type RunningTask } from './tasks.ts';

export const jobError = { code: 'job_error', message: 'it broke' };

export function success({ taskId, attempt }: RunningTask, options: Partial<Success> = {}): Success {
  return { taskId, attempt, result: '{"ok": true}', report: emptyReport, ...options };
}

export function failure({ taskId, attempt }: RunningTask, options: Partial<Failure> = {}): Failure {
  const failed = { outcome: 'failed', error: jobError, delaySeconds: 0, report: emptyReport } as const;
  return { taskId, attempt, ...failed, ...options };
}

export const handBack = (task: RunningTask) => failure(task, { outcome: 'handed_back', error: undefined });

/** Sets the counters of a task directly: the end of a task does not depend on how the counters came about. */
export async function setCounters(
  store: Store,
  taskId: string,
  { failures, losses }: { failures: number; losses: number },
): Promise<void> {
  await store.db.prisma.taskState.update({ where: { id: taskId }, data: { failures, losses } });
}
