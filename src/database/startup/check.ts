/**
 * Checks, once at the start, whether Headway can use a database: its version, encoding, limits and poolers.
 */
import { connectPlainly } from '../connect.ts';
import { leastConnections, leastSessions, mostConnections } from './connection-needs.ts';
import { checkPooling } from './pooling.ts';
import { addressOf, DatabaseSetupError, hostOf, readOnly, toSetupError } from './setup-error.ts';

const oldestVersion = 14;

export interface CheckOptions {
  /** How many runners this process starts. */
  readonly runners: number;
  readonly log: (level: 'warn', message: string) => void;
}

interface Facts {
  readonly isStandby: boolean;
  readonly isReadOnly: boolean;
  readonly encoding: string;
  readonly database: string;
  readonly role: string;
  readonly isSuperuser: boolean;
  readonly maxConnections: number;
  readonly reservedConnections: number;
  /** The connection limit of the role; -1 means no limit. */
  readonly roleLimit: number;
  /** The connection limit of the database; -1 means no limit. */
  readonly databaseLimit: number;
}

// `reserved_connections` exists since PostgreSQL 16.
const factsSql = `
  SELECT pg_is_in_recovery() AS "isStandby",
         current_setting('transaction_read_only')::boolean AS "isReadOnly",
         current_setting('server_encoding') AS encoding,
         datname AS database, rolname AS role, rolsuper AS "isSuperuser",
         current_setting('max_connections')::int AS "maxConnections",
         current_setting('superuser_reserved_connections')::int
           + coalesce(current_setting('reserved_connections', TRUE)::int, 0) AS "reservedConnections",
         rolconnlimit AS "roleLimit", datconnlimit AS "databaseLimit"
  FROM pg_database, pg_roles
  WHERE datname = current_database() AND rolname = session_user`;

/**
 * Checks a database for a service. Logs a warning if the database allows fewer connections than the service
 * may take.
 * @throws {DatabaseSetupError} that says what to do
 */
export async function checkForService(url: string, { runners, log }: CheckOptions): Promise<void> {
  const needed = leastConnections(runners);
  try {
    const facts = await askFacts(url);
    checkEncoding(facts, url);
    if (facts.isReadOnly) throw new DatabaseSetupError(readOnly(url, facts));
    const { limit, remedy } = connectionLimit(facts);
    const tooFew = `${hostOf(url)} allows ${limit} connections, and this process and its runners (${runners}) take up to ${mostConnections(runners)}: ${remedy}`;
    if (limit < needed) throw new DatabaseSetupError(tooFew);
    const wanted = mostConnections(runners);
    const fewSessions = await checkPooling(url, { needed: leastSessions(runners), wanted });
    if (fewSessions !== undefined) log('warn', fewSessions);
    else if (limit < wanted) log('warn', tooFew);
  } catch (error) {
    throw toSetupError(error, url);
  }
}

/**
 * Checks a database for a command that works on one connection, or only reads.
 * @throws {DatabaseSetupError} that says what to do
 */
export async function checkForCommand(url: string): Promise<void> {
  try {
    const facts = await askFacts(url);
    checkEncoding(facts, url);
    // LISTEN is not possible on a standby.
    await checkPooling(url, { needed: 2, canListen: !facts.isStandby });
  } catch (error) {
    throw toSetupError(error, url);
  }
}

function checkEncoding({ encoding, database }: Facts, url: string): void {
  if (encoding === 'UTF8') return;
  throw new DatabaseSetupError(
    `${addressOf(url)}: its encoding is ${encoding}, and Headway needs UTF8: create another database (createdb --template=template0 --encoding=UTF8 ${database}_utf8) and set DATABASE_URL to it.`,
  );
}

async function askFacts(url: string): Promise<Facts> {
  const client = await connectPlainly(url, { queryTimeoutMs: 5_000 });
  try {
    const { rows: version } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
    checkVersion(Number(version[0]?.server_version_num), url);
    const { rows } = await client.query<Facts>(factsSql);
    if (!rows[0]) throw new Error('The database did not describe itself');
    return rows[0];
  } finally {
    client.end().catch(() => undefined);
  }
}

function checkVersion(versionNumber: number, url: string): void {
  const major = Math.floor(versionNumber / 10_000);
  if (major >= oldestVersion) return;
  throw new DatabaseSetupError(
    `${addressOf(url)}: this is PostgreSQL ${major}, and Headway needs ${oldestVersion} or later: upgrade the server.`,
  );
}

/** The lowest of the connection limits that apply to this role, and how to raise it. */
function connectionLimit(facts: Facts): { limit: number; remedy: string } {
  const { database, role, isSuperuser, maxConnections, reservedConnections } = facts;
  const limits = [
    {
      limit: isSuperuser ? maxConnections : maxConnections - reservedConnections,
      remedy: 'raise max_connections.',
    },
  ];
  // The limits of role and database do not apply to superusers.
  if (facts.roleLimit >= 0 && !isSuperuser)
    limits.push({
      limit: facts.roleLimit,
      remedy: `raise the limit of the role (ALTER ROLE ${role} CONNECTION LIMIT …).`,
    });
  if (facts.databaseLimit >= 0 && !isSuperuser)
    limits.push({
      limit: facts.databaseLimit,
      remedy: `raise the limit of the database (ALTER DATABASE ${database} CONNECTION LIMIT …).`,
    });
  return limits.reduce((lowest, other) => (other.limit < lowest.limit ? other : lowest));
}
