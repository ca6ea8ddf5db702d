/** How long a task waits for its next try after a failure. */
import type { JobDefinition } from '../define-job.ts';

const defaultBackoff = { seconds: 1, maxSeconds: 300 };

/**
 * How long to wait before the next try, in seconds. The delay doubles with each earlier failure, and a random
 * quarter is added or taken off, so that tasks that failed together do not all come back at the same moment.
 */
export function backoffSeconds(
  backoff: JobDefinition['backoff'],
  failuresBefore: number,
  random: () => number = Math.random,
): number {
  const { seconds, maxSeconds } = backoff ?? defaultBackoff;
  const delay = Math.min(maxSeconds, seconds * 2 ** Math.min(failuresBefore, 30));
  return delay * (0.75 + random() / 2);
}
