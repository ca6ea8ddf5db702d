/** Plain connections, without Headway's session settings, to examine a database before it is used. */
import pg from 'pg';
import { connectTimeoutMs, keepAlive } from './pg-client.ts';

export interface ConnectOptions {
  /** Shown in pg_stat_activity. */
  readonly name?: string;
  readonly connectTimeoutMs?: number | undefined;
  /** How long a statement may take (default: no limit). */
  readonly queryTimeoutMs?: number;
}

/** @throws the error that pg reports */
export async function connectPlainly(url: string, options: ConnectOptions = {}): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: options.name ?? 'headway start',
    connectionTimeoutMillis: options.connectTimeoutMs ?? connectTimeoutMs,
    ...(options.queryTimeoutMs !== undefined && { query_timeout: options.queryTimeoutMs }),
    ...keepAlive,
  });
  // The statement that needs the connection reports the error.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.end().catch(() => undefined);
    throw error;
  }
}
