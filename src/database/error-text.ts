/** Reads the message and the code of a caught value, which may be of any type. */

/** The `code` of a system or PostgreSQL error, such as EACCES or 57P03. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Messages of libraries that explain nothing: the reason is in the error's `cause` or `errors`. */
const emptyWords = new Set(['', 'fetch failed', 'All promises were rejected']);
/** Errors are never nested so deep. The limit also ends a circle of causes. */
const maxDepth = 8;

/**
 * The error whose message says what is wrong: `error` itself, or the first one in its `cause` and `errors`
 * that has a message of its own.
 */
export function tellingError(error: unknown, depth = 0): unknown {
  if (saysSomething(error) || depth === maxDepth) return error;
  for (const inner of innerErrors(error)) {
    const found = tellingError(inner, depth + 1);
    if (saysSomething(found)) return found;
  }
  return error;
}

function saysSomething(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('message' in error)) return true;
  return typeof error.message !== 'string' || !emptyWords.has(error.message.trim());
}

function innerErrors(error: unknown): unknown[] {
  if (typeof error !== 'object' || error === null) return [];
  const cause = 'cause' in error && error.cause !== undefined ? [error.cause] : [];
  return 'errors' in error && Array.isArray(error.errors) ? [...cause, ...error.errors] : cause;
}

/** The message of the error, on one line. */
export function messageOf(error: unknown): string {
  const telling = tellingError(error);
  const text = telling instanceof Error ? telling.message : String(telling);
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
}
