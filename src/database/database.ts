/** The process's connections to PostgreSQL: a small pool for our own SQL and pg-boss's, and one for Prisma. */
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';
import { isConnectionError } from './errors.ts';
import { connectTimeoutMs, sessionLimits } from './session.ts';

export interface Database {
  readonly url: string;
  /** For the statements in `src/tasks` whose speed matters. */
  readonly pool: pg.Pool;
  /** For everything else. */
  readonly prisma: PrismaClient;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Shown in pg_stat_activity. */
  readonly name: string;
  /** At most this many connections for `pool` (default 3); Prisma has 4 of its own. */
  readonly connections?: number;
  /** A statement without an answer for so long is given up and its connection dropped (default 30,000). */
  readonly statementTimeoutMs?: number;
  /** Further settings of each session, as `-c name=value`. */
  readonly sessionOptions?: string;
  /** Statements are sent without waiting for the answers to those before: for `inPipeline` only. */
  readonly pipeline?: boolean;
}

/** Opens the pool; connections are made when they are first needed. */
export function openDatabase(url: string, options: DatabaseOptions): Database {
  const pool = openPool(url, options);
  // Apart, so that the long transactions of jobs hold up neither progress nor ends.
  const prismaPool = openPool(url, { ...options, connections: 4, statementTimeoutMs: 60_000 });
  const prisma = new PrismaClient({ adapter: new PrismaPg(prismaPool) });
  return {
    url,
    pool,
    prisma,
    async close() {
      await prisma.$disconnect();
      await Promise.all([pool.end(), prismaPool.end()]);
    },
  };
}

/** A pool of its own, for statements that need other settings of their session. */
export function openPool(url: string, options: DatabaseOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: options.name,
    max: options.connections ?? 3,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    options: `${sessionLimits} ${options.sessionOptions ?? ''}`,
    query_timeout: options.statementTimeoutMs ?? 30_000,
    pipeline: options.pipeline ?? false,
    Client: SelfClosingClient,
  });
  // A connection that breaks while idle is replaced on the next use; the statement that needs it reports.
  pool.on('error', () => undefined);
  return pool;
}

/**
 * node-postgres reports a statement that timed out and goes on using its connection, on which the
 * next statement would wait behind the hung one, or join its transaction. This one closes it.
 */
class SelfClosingClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    // While a client is out of its pool, nobody else listens: without this, a connection that breaks in a
    // transaction ends the process. The statement under way, or the next, reports it.
    this.on('error', () => undefined);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    const closeOnTimeout = (error: unknown) => {
      if (error instanceof Error && error.message === 'Query read timeout') this.drop();
    };
    // The overloads of `query` come down to a callback or a promise; both are watched, neither is changed.
    this.query = ((...args: unknown[]) => {
      const callback = args.at(-1);
      if (typeof callback === 'function') {
        args[args.length - 1] = (error: unknown, result: unknown) => {
          closeOnTimeout(error);
          callback(error, result);
        };
        return query(...args);
      }
      const answer = query(...args);
      if (answer instanceof Promise) answer.catch(closeOnTimeout);
      return answer;
    }) as typeof this.query;
  }

  private drop(): void {
    // `connection` is not in the published types; it is what the pool itself destroys on a time-out.
    const { connection } = this as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  }
}

/** One statement after the other on one connection: what a transaction of ours is given. */
export interface Connection {
  query<Row extends pg.QueryResultRow>(
    config: pg.QueryConfig | string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

/**
 * Runs `work` in a transaction on one connection of the pool: committed when it returns, rolled back
 * when it throws. A COMMIT whose answer is lost throws a connection error although it may have happened.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    await client.query('BEGIN');
    const value = await work(client);
    await client.query('COMMIT');
    return value;
  } catch (error) {
    if (isConnectionError(error)) failure = asError(error);
    else
      await client.query('ROLLBACK').catch((cause) => {
        failure = asError(cause);
      });
    throw error;
  } finally {
    // A connection that failed is not worth a ROLLBACK that may hang too: closing it rolls back.
    client.release(failure);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
