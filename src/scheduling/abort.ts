/** Waiting that can be called off. */

/** Waits until a signal aborts at the most, and then throws its reason: what was waited for goes on unheeded. */
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
