/**
 * Classifies errors of the database, from pg, Prisma or a socket: lost connections, errors that pass, and
 * statements that met a time limit.
 */

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
  // Prisma: authentication failed (P1000), cannot reach, timed out, no such database, access denied (P1010),
  // no TLS, connection closed, no free connection in the pool (P2024), too many connections (P2037). Not P2039,
  // any error for which Prisma has no code of its own: the code of PostgreSQL inside it decides.
  'P1000',
  'P1001',
  'P1002',
  'P1003',
  'P1008',
  'P1010',
  'P1011',
  'P1017',
  'P2024',
  'P2037',
  // PostgreSQL has ended the session: shut down, crashed, database dropped, idle too long (57P05, 25P03),
  // transaction too long
  '57P01',
  '57P02',
  '57P04',
  '57P05',
  '25P03',
  '25P04',
  // PostgreSQL refuses a new connection: starting up, too many connections, no such database
  '57P03',
  '53300',
  '3D000',
]);

/**
 * Whole classes of SQLSTATE: 08, connection exceptions, which poolers report, too (08P01); and 28, refused
 * logins: while a password is being changed, tasks must wait instead of failing.
 */
const connectionClasses = ['08', '28'];

/** Codes of refusals whose reason may be gone at the next try. */
const passingCodes = new Set([
  // serialisation, unknown completion, deadlock
  '40000',
  '40001',
  '40003',
  '40P01',
  // locks
  '55P03',
  '55006',
  // cancelled
  '57000',
  '57014',
  // out of disk, out of memory, or over a configured limit
  '53000',
  '53100',
  '53200',
  '53400',
  // a fault of the machine, such as an I/O error
  '58000',
  '58030',
  // read-only, as after a failover
  '25006',
  // snapshot too old
  '72000',
  // Prisma: its transaction has ended, write conflict
  'P2028',
  'P2034',
]);

const connectionMessages =
  /query read timeout|connection terminated|connection timeout|timeout expired|timeout exceeded when trying to connect|client has encountered a connection error|not queryable|can't reach database|server has closed the connection|connectionclosed|socket (hang up|timeout)|pool after calling end/i;

/**
 * Whether the error leaves open if the statement was executed: it did not reach the database, or its answer
 * was lost.
 */
export function isConnectionError(error: unknown): boolean {
  return someCause(error, (code, message) => isConnectionCode(code) || connectionMessages.test(message));
}

function isConnectionCode(code: string): boolean {
  return connectionCodes.has(code) || (code.length === 5 && connectionClasses.includes(code.slice(0, 2)));
}

const poolExhausted = /timeout exceeded when trying to connect/i;

/**
 * Whether the pool had no free connection. Other work of this process uses all of them, so this says nothing
 * about the database.
 */
export function isPoolExhausted(error: unknown): boolean {
  return someCause(error, (code, message) => code === 'P2024' || poolExhausted.test(message));
}

/** Whether another try may help later: after a lost connection, or a refusal for a reason that passes. */
export function isPassingError(error: unknown): boolean {
  return isConnectionError(error) || someCause(error, (code) => passingCodes.has(code));
}

/** Describes a passing error in a sentence for people. */
export function describeTrouble(error: unknown): string {
  if (isConnectionError(error)) return 'The database cannot be reached.';
  if (someCause(error, (code) => code === '25006')) return 'The database is read-only.';
  if (someCause(error, (code) => code === '53100')) return 'The disk of the database is full.';
  return 'The database cannot do this at the moment.';
}

const statementLimit = /query read timeout/i;
/**
 * Somebody has called pg_cancel_backend. The code (57014) is that of a statement that exceeded its time
 * limit.
 */
const cancelledByHand = /canceling statement due to user request/i;

/**
 * Whether a statement or an idle transaction exceeded a time limit. During an outage this passes; otherwise
 * the job itself is too slow.
 */
export function isStatementLimit(error: unknown): boolean {
  if (someCause(error, (_code, message) => cancelledByHand.test(message))) return false;
  return someCause(
    error,
    (code, message) => ['25P03', '25P04', '57014', 'P2028'].includes(code) || statementLimit.test(message),
  );
}

function someCause(error: unknown, test: (code: string, message: string) => boolean): boolean {
  try {
    return searchCauses(error, test);
  } catch {
    // A value thrown by a job may throw when it is read, such as a revoked proxy. No library throws such a
    // value, so it is no error of the database.
    return false;
  }
}

function searchCauses(error: unknown, test: (code: string, message: string) => boolean): boolean {
  // Prisma keeps the driver's error in `meta.driverAdapterError`, socket errors are in `cause`, and a connect
  // that tries several addresses (happy eyeballs) reports all its errors in `errors`.
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
