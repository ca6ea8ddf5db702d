/** A connection as the server gives it, without settings of ours: for looking at a database before it is used. */
import pg from 'pg';
import { connectTimeoutMs, keepAlive } from './session.ts';

export interface ConnectOptions {
  /** Shown in pg_stat_activity. */
  readonly name?: string;
  readonly connectTimeoutMs?: number | undefined;
  /** Default: a statement may take as long as it does. */
  readonly queryTimeoutMs?: number;
}

/** @throws what pg reports */
export async function connectPlainly(url: string, options: ConnectOptions = {}): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: options.name ?? 'headway start',
    connectionTimeoutMillis: options.connectTimeoutMs ?? connectTimeoutMs,
    ...(options.queryTimeoutMs !== undefined && { query_timeout: options.queryTimeoutMs }),
    ...keepAlive,
  });
  // Reported by the statement that needs the connection.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.end().catch(() => undefined);
    throw error;
  }
}
