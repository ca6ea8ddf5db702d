/** The process's connections to PostgreSQL: a small pool for our own SQL and pg-boss's, and one for Prisma. */
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';
import { PooledClient } from './client.ts';
import { isConnectionError } from './errors.ts';
import { connectTimeoutMs, keepAlive, type SessionConfig, type Settings } from './session.ts';
import { watch } from './watchdog.ts';

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
  /** Further settings of each session. */
  readonly settings?: Settings;
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
  const config: pg.PoolConfig & SessionConfig = {
    connectionString: url,
    settings: options.settings,
    application_name: options.name,
    max: options.connections ?? 3,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 60_000,
    ...keepAlive,
    query_timeout: options.statementTimeoutMs ?? 30_000,
    Client: PooledClient,
  };
  const pool = new pg.Pool(config);
  // A connection that breaks while idle is replaced on the next use; the statement that needs it reports.
  pool.on('error', () => undefined);
  watch(pool, url);
  return pool;
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
