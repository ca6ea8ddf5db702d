/**
 * The connections of a process to PostgreSQL: a small pool for Headway's own SQL and pg-boss's, and a pool
 * for Prisma.
 */
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';
import { PooledClient } from './client.ts';
import { isConnectionError } from './error-kinds.ts';
import { connectTimeoutMs, keepAlive, type PgClientConfig, type Settings } from './pg-client.ts';
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
  /** The most connections of `pool` (default 3). Prisma's own pool has 4. */
  readonly connections?: number;
  /**
   * When a statement of `pool` gets no answer for this long, it fails and its connection is dropped (default
   * 30,000).
   */
  readonly statementTimeoutMs?: number;
  /** Further settings of each session. */
  readonly settings?: Settings;
}

/** Opens both pools. A connection is made when it is first needed. */
export function openDatabase(url: string, options: DatabaseOptions): Database {
  const pool = openPool(url, options);
  // A separate pool, so that long transactions of jobs delay neither progress writes nor the ends of
  // attempts.
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

/** Opens one more pool, such as for statements that need other session settings. */
export function openPool(url: string, options: DatabaseOptions): pg.Pool {
  const config: pg.PoolConfig & PgClientConfig = {
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
  // The pool replaces an idle connection that breaks. If no new connection can be made, the next statement
  // reports it.
  pool.on('error', () => undefined);
  watch(pool, url);
  return pool;
}

/** The connection of a transaction, as its work gets it: it runs one statement after the other. */
export interface Connection {
  query<Row extends pg.QueryResultRow>(
    config: pg.QueryConfig | string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

/**
 * Runs `work` in a transaction on one connection of the pool: commits when `work` returns, and rolls back
 * when it throws. If the answer to the COMMIT is lost, it throws a connection error, although the transaction
 * may have committed.
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
    // After a connection error, no ROLLBACK is sent, as it may hang, too: closing the connection rolls back.
    client.release(failure);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
