/** Whether a runner is blocked by an attempt that should have ended: only the end of its process ends such an attempt. */
import { monotonicMs } from '../../scheduling/monotonic.ts';
import type { RunnerChild } from './runner-child.ts';

export interface OverdueOptions {
  /** The tasks that were asked to stop too long ago, and run all the same. */
  readonly ignoring: readonly { readonly taskId: string; readonly workerId: string }[];
  /** How long after its deadline an attempt may take to notice. */
  readonly graceMs: number;
}

/**
 * The tasks whose attempts are past their deadlines in a blocked runner, and have timed out with it. Empty where the
 * runner must end for another reason: a task ignores a request to cancel, or the code of an attempt that was ended as
 * overdue goes on and blocks the loop. Undefined where the runner may go on.
 */
export function overdueIn(
  { isBlocked, beat, workerId }: Pick<RunnerChild, 'isBlocked' | 'beat' | 'workerId'>,
  { ignoring, graceMs }: OverdueOptions,
): string[] | undefined {
  if (!isBlocked || !beat) return undefined;
  const isOverdue = ({ deadlineMs }: { deadlineMs: number }) => monotonicMs() > deadlineMs + graceMs;
  const taskIds = beat.attempts.filter(isOverdue).map(({ taskId }) => taskId);
  const isIgnoring = ignoring.some((task) => task.workerId === workerId);
  const isRunaway = beat.state === 'draining' && beat.loopAgeMs > graceMs;
  return taskIds.length > 0 || isIgnoring || isRunaway ? taskIds : undefined;
}
