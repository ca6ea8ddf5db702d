/** Asks a server over its socket what state it is in. */
import { stat } from 'node:fs/promises';
import type pg from 'pg';
import { codeOf, messageOf } from '../error-text.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { socketFile } from './layout.ts';

/** `silent`: the socket takes connections but nothing answers, as when the server's process is stopped. */
export type ServerState = 'absent' | 'starting' | 'silent' | 'ready';

export interface ProbeOptions {
  /** Whether the cluster was just made, so that nobody has used its database `postgres`. */
  readonly isNew?: boolean;
}

/** One connection attempt. The database `app` is created where the server is up and does not have it. */
export async function probe(
  folder: string,
  timeoutMs: number,
  { isNew = false }: ProbeOptions = {},
): Promise<ServerState> {
  // pg would wait for its whole time-out where the socket is missing on some systems.
  if ((await stat(socketFile(folder)).catch(() => null)) === null) return 'absent';
  try {
    if (isNew) await renameDatabase(folder, timeoutMs);
    else await withClient(folder, 'app', timeoutMs, () => Promise.resolve());
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
  await withClient(folder, 'template1', 30_000, async (client) => {
    try {
      // Not a copy of template1, which somebody else may be connected to.
      await client.query('CREATE DATABASE app TEMPLATE template0');
    } catch (error) {
      const duplicates = ['42P04', '23505'];
      if (!duplicates.includes(codeOf(error) ?? '')) throw error;
    }
  });
}

/**
 * initdb makes an empty database `postgres`. To rename it takes a few milliseconds, and to make a copy of it a
 * fifth of a second.
 */
async function renameDatabase(folder: string, timeoutMs: number): Promise<void> {
  await withClient(folder, 'template1', timeoutMs, (client) =>
    client.query('ALTER DATABASE postgres RENAME TO app'),
  );
}

async function withClient<T>(
  folder: string,
  database: string,
  timeoutMs: number,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  // Loaded while the server starts, so that it starts earlier.
  const { Client } = await import('pg');
  const client = new Client({
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
