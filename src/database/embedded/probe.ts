/** Asks a server over its socket what state it is in. */
import { stat } from 'node:fs/promises';
import pg from 'pg';
import { codeOf, messageOf } from '../error-text.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { socketFile } from './layout.ts';

/** `silent`: the socket takes connections but nothing answers, as when the server's process is stopped. */
export type ServerState = 'absent' | 'starting' | 'silent' | 'ready';

/** One connection attempt. The database `app` is created where the server is up and does not have it. */
export async function probe(folder: string, timeoutMs: number): Promise<ServerState> {
  // pg would wait for its whole time-out where the socket is missing on some systems.
  if ((await stat(socketFile(folder)).catch(() => null)) === null) return 'absent';
  try {
    await withClient(folder, 'app', timeoutMs, () => Promise.resolve());
    return 'ready';
  } catch (error) {
    return stateFrom(error, folder);
  }
}

async function stateFrom(error: unknown, folder: string): Promise<ServerState> {
  const code = codeOf(error);
  if (code === '3D000') {
    await createDatabase(folder);
    return 'ready';
  }
  // 53300: every connection is taken, so the server is up and in use.
  if (code === '53300') return 'ready';
  // 57P03: the server is starting up, recovering, or shutting down.
  if (code === '57P03') return 'starting';
  if (code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'ECONNRESET' || code === 'EPIPE')
    return 'absent';
  if (code === 'EACCES' || code === 'EPERM') {
    throw new EmbeddedPostgresError(
      `An embedded PostgreSQL of another user runs in ${folder}: start Headway as that user, choose another HEADWAY_DATA_DIR, or set DATABASE_URL.`,
    );
  }
  if (code === undefined && /terminated/i.test(messageOf(error))) return 'absent';
  if (code === undefined) return 'silent';
  throw new EmbeddedPostgresError(
    `The embedded PostgreSQL refuses connections (${messageOf(error)}): see server.log in ${folder}.`,
  );
}

async function createDatabase(folder: string): Promise<void> {
  await withClient(folder, 'postgres', 30_000, async (client) => {
    try {
      await client.query('CREATE DATABASE app');
    } catch (error) {
      const duplicates = ['42P04', '23505'];
      if (!duplicates.includes(codeOf(error) ?? '')) throw error;
    }
  });
}

async function withClient<T>(
  folder: string,
  database: string,
  timeoutMs: number,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    host: folder,
    user: 'postgres',
    database,
    // Set here, because pg would otherwise read PGSSLMODE.
    ssl: false,
    connectionTimeoutMillis: timeoutMs,
    application_name: 'headway start',
  });
  // An error after the answer, such as the server's end, is of no interest here.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
