/**
 * Explains in one line why a database cannot be used, and what to do. The line never contains the password.
 */

import { isConnectionError } from '../error-kinds.ts';
import { codeOf, messageOf } from '../error-text.ts';
import { mostConnectionsEach } from './connection-needs.ts';

/** Thrown when the database cannot be used as it is. The message is for the person who set DATABASE_URL. */
export class DatabaseSetupError extends Error {
  override readonly name = 'DatabaseSetupError';
}

/** The database, host and user of a URL, without its secrets: `app on db.example:5432 as headway`. */
export function addressOf(url: string): string {
  const { user, database, host } = partsOf(url);
  return `${database} on ${host} as ${user}`;
}

/** Host and port of a URL, such as `db.example:5432`, or the folder of its socket. */
export function hostOf(url: string): string {
  return partsOf(url).host;
}

/**
 * Messages of poolers, each with the code that PostgreSQL has for the same error: poolers report all of them
 * with one code (08P01; RDS Proxy 0A000, Supavisor XX000). `options` stands for a refused startup parameter,
 * for which PostgreSQL has no code.
 */
const poolerWords: readonly [RegExp, string][] = [
  [/unsupported startup parameter|command-line options/i, 'options'],
  [/no such database|bouncer config error|database .+ does not exist/i, '3D000'],
  [/no such user|authentication failed|(user|tenant).* not found|role .+ does not exist/i, '28P01'],
  [/SSL required|TLS required/i, '28000'],
  [/max_client_conn|max client connections|query_wait_timeout|too many (clients|connections)/i, '53300'],
  [/cannot connect to server|server login|login_retry|server .*down/i, '57P03'],
];

function meaningOf(error: unknown): string | undefined {
  const code = codeOf(error);
  if (!['08P01', '0A000', 'XX000'].includes(code ?? '')) return code;
  const message = messageOf(error);
  return poolerWords.find(([words]) => words.test(message))?.[1] ?? code;
}

/** Whether waiting may help. It does not help when a server answers and will always refuse. */
export function mayPass(error: unknown): boolean {
  const reason = error instanceof DatabaseSetupError ? error.cause : error;
  const meaning = meaningOf(reason) ?? '';
  return isConnectionError(reason) && !/^(28...|3D000|options)$/.test(meaning);
}

/**
 * Translates an error during a start: an error that a person can mend becomes a DatabaseSetupError; any other
 * is returned as it is.
 */
export function mendable(error: unknown, url: string): unknown {
  const isMendable =
    isConnectionError(error) || /^(42501|25006|53...|55P03|57...)$/.test(codeOf(error) ?? '');
  return isMendable ? toSetupError(error, url) : error;
}

/** The DatabaseSetupError for an error that pg reported about the database at `url`. */
export function toSetupError(error: unknown, url: string): DatabaseSetupError {
  if (error instanceof DatabaseSetupError) return error;
  return new DatabaseSetupError(explain(error, url), { cause: error });
}

function explain(error: unknown, url: string): string {
  const { user, database, host } = partsOf(url);
  const message = messageOf(error);
  switch (meaningOf(error)) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return `Nothing listens at ${host}: start PostgreSQL there, or correct DATABASE_URL.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The host name in ${host} is not known: correct DATABASE_URL, or check the name service.`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return `${host} does not answer: check the network and its firewalls, or correct DATABASE_URL.`;
    case 'options':
      return `The pooler at ${host} refuses a startup parameter (${message}): remove it from DATABASE_URL and PGOPTIONS, and set it with ALTER ROLE … SET instead.`;
    case '28000':
    case '28P01':
      if (/no encryption|SSL (off|required)|TLS required/i.test(message))
        return `${host} accepts connections only with TLS (${message}): add sslmode=verify-full to DATABASE_URL, or correct the server's pg_hba.conf.`;
      return `PostgreSQL at ${host} does not let ${user} in (${message}): correct user and password in DATABASE_URL, or the server's pg_hba.conf.`;
    case '3D000':
      return `There is no database ${database} on ${host}: create it (createdb ${database}), or correct DATABASE_URL.`;
    case '42501':
      return `${user} lacks a right in ${database} on ${host} (${message}): make this role the owner of the database, or run GRANT CREATE ON DATABASE and GRANT ALL ON SCHEMA public.`;
    case '53300':
      return `${host} has no free connection (${message}), and each process and each runner takes up to ${mostConnectionsEach}: ${raiseWhat(message, { user, database })}, or run fewer processes.`;
    case '57P03':
      return `PostgreSQL at ${host} is not ready (${message}): wait for it, then start again.`;
    case '25006':
      return readOnly(url);
  }
  if (/timeout/i.test(message)) {
    return `${host} does not answer: check the network and its firewalls, or correct DATABASE_URL.`;
  }
  if (/password must be a string/i.test(message)) {
    return `PostgreSQL at ${host} wants a password for ${user}: put the password into DATABASE_URL.`;
  }
  if (/SSL|certificate/i.test(`${message} ${codeOf(error)}`)) {
    return `No secure connection to ${host} (${message}): correct sslmode or sslrootcert in DATABASE_URL.`;
  }
  return `The database ${database} on ${host} cannot be used: ${message}`;
}

/** @param isStandby whether the server only follows another one */
export function readOnly(url: string, { isStandby = false } = {}): string {
  const { user, database, host } = partsOf(url);
  if (isStandby) return `${host} is a standby, which is read-only: set DATABASE_URL to the primary server.`;
  return `${database} on ${host} is read-only for ${user}: set DATABASE_URL to the primary server, or default_transaction_read_only to off.`;
}

/** Says which limit to raise: only the message tells whose limit was reached. */
function raiseWhat(message: string, { user, database }: { user: string; database: string }): string {
  if (/for role/i.test(message)) return `raise the role's limit (ALTER ROLE ${user} CONNECTION LIMIT …)`;
  if (/for database/i.test(message))
    return `raise the database's limit (ALTER DATABASE ${database} CONNECTION LIMIT …)`;
  if (/client_conn|client connections/i.test(message)) return "raise the pooler's max_client_conn";
  if (/query_wait/i.test(message)) return "raise the size of the pooler's pool";
  return 'raise its max_connections';
}

function partsOf(url: string): { user: string; database: string; host: string } {
  if (!URL.canParse(url))
    throw new DatabaseSetupError(
      'DATABASE_URL is not a URL: it looks like postgresql://user:password@host:5432/database, with special characters percent-encoded.',
    );
  const parsed = new URL(url);
  const user = decodeURIComponent(parsed.username) || (parsed.searchParams.get('user') ?? 'the default user');
  const socket = parsed.searchParams.get('host');
  return {
    user,
    database: decodeURIComponent(parsed.pathname.slice(1)) || user,
    host: socket ?? (parsed.host.includes(':') ? parsed.host : `${parsed.host || 'localhost'}:5432`),
  };
}
