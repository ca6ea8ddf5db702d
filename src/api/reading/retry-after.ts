/** When a client should ask again: soon near the end of the task, seldom while it takes long. */
import { isTerminal, type TaskStatus } from '../../tasks/model/state-machine.ts';

const longestSeconds = 30;
/** A client asks again after this share of the time left or, if unknown, of the time since the start. */
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
 * @param secondsToStart how long a queued task probably waits before it starts, where that is known
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
  // Where the time left is unknown, the time since the start tells best how long the work is.
  return lookEvery * (etaSeconds ?? (startedMs === null ? 0 : (nowMs - startedMs) / 1000));
}
