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
  // Prisma: not let in, cannot reach, timed out, no such database, no TLS, closed, no connection to be had
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
  'P2039',
  // PostgreSQL has ended the session: shut down, crashed, database dropped, idle too long, transaction too long
  '57P01',
  '57P02',
  '57P04',
  '57P05',
  '25P03',
  '25P04',
  // ... or does not let us in: starting up, too many connections, no such database
  '57P03',
  '53300',
  '3D000',
]);

/**
 * Whole classes of SQLSTATE: connection exceptions, which poolers report too (08P01), and refused at the door:
 * a password that is being changed is none of the tasks' business.
 */
const connectionClasses = ['08', '28'];

/** Refused for a reason that may be gone at the next try. */
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
  // out of disk, memory, or what was configured
  '53000',
  '53100',
  '53200',
  '53400',
  // trouble with the machine
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

/** Whether the statement may not have reached the database, or its answer was lost. */
export function isConnectionError(error: unknown): boolean {
  return someCause(error, (code, message) => isConnectionCode(code) || connectionMessages.test(message));
}

function isConnectionCode(code: string): boolean {
  return connectionCodes.has(code) || (code.length === 5 && connectionClasses.includes(code.slice(0, 2)));
}

const poolExhausted = /timeout exceeded when trying to connect/i;

/** Whether a pool had no connection to lend: others of this process have them all, which says nothing of the database. */
export function isPoolExhausted(error: unknown): boolean {
  return someCause(error, (code, message) => code === 'P2024' || poolExhausted.test(message));
}

/** Whether trying again later may help: a lost connection, or a refusal that passes. */
export function isPassingError(error: unknown): boolean {
  return isConnectionError(error) || someCause(error, (code) => passingCodes.has(code));
}

/** A passing error in a sentence for people. */
export function describeTrouble(error: unknown): string {
  if (isConnectionError(error)) return 'The database cannot be reached.';
  if (someCause(error, (code) => code === '25006')) return 'The database is read-only.';
  if (someCause(error, (code) => code === '53100')) return 'The disk of the database is full.';
  return 'The database could not do it now.';
}

const statementLimit = /query read timeout/i;
/** The same code as of a statement over its time: somebody has called pg_cancel_backend. */
const cancelledByHand = /canceling statement due to user request/i;

/** Whether a statement or an idle transaction was given up for its length: in an outage that passes, else it is the job's. */
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
