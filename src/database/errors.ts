/** Which errors mean that the database could not be reached, whoever reports them: pg, Prisma or a socket. */

const connectionCodes = new Set([
  // sockets
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  // Prisma: cannot reach, timed out, closed, no connection to be had from the pool
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'P2024',
  'P2039',
  // PostgreSQL: class 08 connection exception, 57P01 to 57P05 shutdown, crash, starting up, dropped, idle;
  // 53300 too many connections, 25P02 transaction given up, 25P03 idle in transaction too long
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  '08007',
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '53300',
  '25P03',
]);

/** Refused for a reason that may be gone at the next try: locks, deadlocks, serialisation, limits, read-only. */
const passingCodes = new Set([
  '40001',
  '40P01',
  '55P03',
  '57014',
  '53000',
  '53100',
  '53200',
  '53400',
  '25006',
  'P2028',
  'P2034',
]);

const connectionMessages =
  /query read timeout|connection terminated|connection timeout|timeout exceeded when trying to connect|client has encountered a connection error|not queryable|can't reach database|server has closed the connection|connectionclosed|socket (hang up|timeout)|pool after calling end/i;

/** Whether the statement may not have reached the database, or its answer was lost. */
export function isConnectionError(error: unknown): boolean {
  return someCause(error, (code, message) => connectionCodes.has(code) || connectionMessages.test(message));
}

/** Whether trying again later may help: a lost connection, or a refusal that passes. */
export function isPassingError(error: unknown): boolean {
  return isConnectionError(error) || someCause(error, (code) => passingCodes.has(code));
}

const statementLimit = /query read timeout/i;

/** Whether a statement or an idle transaction was given up for its length: in an outage that passes, else it is the job's. */
export function isStatementLimit(error: unknown): boolean {
  return someCause(
    error,
    (code, message) => ['25P03', '57014', 'P2028'].includes(code) || statementLimit.test(message),
  );
}

function someCause(error: unknown, test: (code: string, message: string) => boolean): boolean {
  try {
    return searchCauses(error, test);
  } catch {
    // A thrown value may fight being looked at; none of the libraries throws such a one.
    return false;
  }
}

function searchCauses(error: unknown, test: (code: string, message: string) => boolean): boolean {
  // Prisma wraps the driver's error in `meta.driverAdapterError`, sockets in `cause`, happy eyeballs in `errors`.
  const seen = new Set<unknown>();
  const waiting = [error];
  while (waiting.length > 0) {
    const item = waiting.pop();
    if (typeof item !== 'object' || item === null || seen.has(item)) continue;
    seen.add(item);
    const { code, originalCode, kind, message, cause, meta, errors } = item as Record<string, unknown>;
    const text = `${kind ?? ''} ${message ?? ''}`;
    if ([code, originalCode].some((value) => typeof value === 'string' && test(value, ''))) return true;
    if (test('', text)) return true;
    waiting.push(cause);
    if (typeof meta === 'object' && meta !== null)
      waiting.push((meta as Record<string, unknown>).driverAdapterError);
    if (Array.isArray(errors)) waiting.push(...errors);
  }
  return false;
}
