/** How long a task that failed waits for its next try. */
import type { JobDefinition } from '../define-job.ts';

const defaultBackoff = { seconds: 1, maxSeconds: 300 };

/**
 * How long to wait before the next try, in seconds: doubled with each failure before this one, then
 * spread by a quarter either way, so that tasks that failed together do not come back together.
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
