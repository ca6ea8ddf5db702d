/** When to ask again: soon near the end, seldom while there is long to go. */
import { isTerminal } from '../tasks/state-machine.ts';
import type { TaskView } from '../tasks/view.ts';

const longestSeconds = 30;
/** The part of the remaining time after which a look is worth it. */
const lookEvery = 0.1;

/** Seconds, as the Retry-After header takes them; undefined for a finished task. */
export function retryAfterSeconds(task: TaskView, now: Date): number | undefined {
  if (isTerminal(task.status)) return undefined;
  return Math.min(longestSeconds, Math.max(1, Math.ceil(secondsToGo(task, now))));
}

function secondsToGo({ status, nextAttemptAt, etaSeconds }: TaskView, now: Date): number {
  if (status === 'queued') {
    return nextAttemptAt === null ? 0 : (new Date(nextAttemptAt).getTime() - now.getTime()) / 1000;
  }
  return (etaSeconds ?? 0) * lookEvery;
}
