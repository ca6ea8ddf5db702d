/** When to ask again: soon near the end, seldom while there is long to go. */
import { isTerminal, type TaskStatus } from '../../tasks/model/state-machine.ts';

const longestSeconds = 30;
/** The part of the time to go, or gone by, after which a look is worth it. */
const lookEvery = 0.1;

export interface Prospect {
  readonly status: TaskStatus;
  /** Milliseconds since 1970. */
  readonly nextAttemptMs: number | null;
  readonly startedMs: number | null;
  readonly etaSeconds: number | null;
}

/**
 * Seconds, as the Retry-After header takes them: 1 to 30; undefined for a finished task.
 * @param nowMs milliseconds since 1970
 * @param secondsToStart the wait that a queued task probably has before it, where that is known
 */
export function retryAfterSeconds(
  task: Prospect,
  nowMs: number,
  secondsToStart: number | undefined,
): number | undefined {
  if (isTerminal(task.status)) return undefined;
  return Math.min(longestSeconds, Math.max(1, Math.ceil(secondsToNews(task, nowMs, secondsToStart))));
}

function secondsToNews(task: Prospect, nowMs: number, secondsToStart = 0): number {
  const { status, nextAttemptMs, startedMs, etaSeconds } = task;
  if (status === 'queued') {
    const untilDue = nextAttemptMs === null ? 0 : (nextAttemptMs - nowMs) / 1000;
    return Math.max(untilDue, secondsToStart / 2);
  }
  // Of work that says nothing of its end, what has gone by tells how long it is.
  return lookEvery * (etaSeconds ?? (startedMs === null ? 0 : (nowMs - startedMs) / 1000));
}
