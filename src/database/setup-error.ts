/** What keeps a database from being used, in one line that says what to do, and never with the password. */
import { codeOf, messageOf } from './error-text.ts';

/** The database cannot be used as it is; the message is for whoever set DATABASE_URL. */
export class DatabaseSetupError extends Error {
  override readonly name = 'DatabaseSetupError';
}

/** Where a URL points, without its secrets: `app on db.example:5432 as headway`. */
export function addressOf(url: string): string {
  const { user, database, host } = partsOf(url);
  return `${database} on ${host} as ${user}`;
}

/** The DatabaseSetupError for what pg reported about the database at `url`. */
export function toSetupError(error: unknown, url: string): DatabaseSetupError {
  if (error instanceof DatabaseSetupError) return error;
  const { user, database, host } = partsOf(url);
  const code = codeOf(error);
  const message = messageOf(error);
  return new DatabaseSetupError(explain(), { cause: error });

  function explain(): string {
    switch (code) {
      case 'ECONNREFUSED':
      case 'ENOENT':
        return `Nothing listens at ${host}: start PostgreSQL there, or correct DATABASE_URL.`;
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return `The host name in ${host} is not known: correct DATABASE_URL, or see to the name service.`;
      case 'EHOSTUNREACH':
      case 'ENETUNREACH':
      case 'ETIMEDOUT':
        return `${host} does not answer: see to the network and its firewalls, or correct DATABASE_URL.`;
      case '28000':
      case '28P01':
        return `PostgreSQL at ${host} does not let ${user} in (${message}): correct user and password in DATABASE_URL, or the server's pg_hba.conf.`;
      case '3D000':
        return `There is no database ${database} on ${host}: create it (createdb ${database}), or correct DATABASE_URL.`;
      case '42501':
        return `${user} lacks a right in ${database} on ${host} (${message}): make it the database's owner, or GRANT CREATE ON DATABASE and ALL ON SCHEMA public.`;
      case '53300':
        return `PostgreSQL at ${host} has no connection to spare: raise its max_connections, or run fewer processes.`;
      case '57P03':
        return `PostgreSQL at ${host} is not ready (${message}): wait for it, then start again.`;
      case '25006':
        return `${database} on ${host} is read-only: let DATABASE_URL name the primary server.`;
    }
    if (/timeout/i.test(message)) {
      return `${host} does not answer: see to the network and its firewalls, or correct DATABASE_URL.`;
    }
    if (/password must be a string/i.test(message)) {
      return `PostgreSQL at ${host} wants a password for ${user}: put it into DATABASE_URL.`;
    }
    if (/SSL|certificate/i.test(`${message} ${code}`)) {
      return `No secure connection to ${host} (${message}): correct sslmode or sslrootcert in DATABASE_URL.`;
    }
    return `The database ${database} on ${host} cannot be used: ${message}`;
  }
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
