/** Waiting that can be called off. */

/**
 * Waits for a promise, but no longer than until the signal aborts; then throws the signal's reason. The
 * promise itself goes on, and its outcome is ignored.
 */
export async function orAborted<T>(waitedFor: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([waitedFor, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
