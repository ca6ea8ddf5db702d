/**
 * Brings a database up to date, as `prisma migrate deploy` would and beside it: the same table, checksums and
 * advisory lock. It needs no download, and any number of processes may do it at once.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { codeOf, messageOf } from './error-text.ts';
import {
  type Migration,
  migrationsFolder,
  planMigrations,
  readApplied,
  readMigrations,
} from './migrations.ts';
import { addressOf, DatabaseSetupError, toSetupError } from './setup-error.ts';

export { pendingMigrations } from './migrations.ts';
export { DatabaseSetupError } from './setup-error.ts';

export interface MigrateOptions {
  /** Where the migrations lie, for tests. */
  readonly folder?: string;
  /** How long one attempt to connect may take (default 5,000). */
  readonly connectTimeoutMs?: number;
  /** How long a server that is starting up is waited for (default 15,000). */
  readonly startupTimeoutMs?: number;
}

const oldestVersion = 14;

/** The key that Prisma takes: our migrations and its own exclude each other. */
const advisoryLockKey = 72707369;

const createTable = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`;

const insertApplied = `
  INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
  VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`;

/** Applies what is missing and answers the names. Throws a DatabaseSetupError that says what to do. */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(options.folder ?? migrationsFolder);
  try {
    const client = await connect(url, options);
    try {
      const pending = planMigrations(migrations, await readApplied(client));
      if (pending.length === 0) return { applied: [] };
      await checkVersion(client, url);
      return { applied: await applyAll(client, migrations) };
    } finally {
      await client.end().catch(() => undefined);
    }
  } catch (error) {
    throw toSetupError(error, url);
  }
}

async function connect(url: string, options: MigrateOptions): Promise<pg.Client> {
  const deadline = performance.now() + (options.startupTimeoutMs ?? 15_000);
  // Says what is wrong with a URL that cannot be parsed, before pg does so in worse words.
  addressOf(url);
  for (;;) {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
      application_name: 'headway migrate',
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      const cannotConnectNow = '57P03';
      if (codeOf(error) !== cannotConnectNow || performance.now() > deadline) throw error;
      await sleep(250);
    }
  }
}

async function checkVersion(client: pg.Client, url: string): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  const major = Math.floor(Number(rows[0]?.server_version_num) / 10_000);
  if (major >= oldestVersion) return;
  throw new DatabaseSetupError(
    `${addressOf(url)}: this is PostgreSQL ${major}, and Headway needs ${oldestVersion} or later: upgrade the server.`,
  );
}

async function applyAll(client: pg.Client, migrations: readonly Migration[]): Promise<string[]> {
  const applied: string[] = [];
  for (;;) {
    const name = await applyNext(client, migrations);
    if (name === null) return applied;
    applied.push(name);
  }
}

/**
 * One migration, its record and the lock in one transaction: all of it or nothing. The plan is made again
 * under the lock, as another process may have been faster.
 */
async function applyNext(client: pg.Client, migrations: readonly Migration[]): Promise<string | null> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${advisoryLockKey})`);
    await client.query(createTable);
    const [next] = planMigrations(migrations, await readApplied(client));
    if (next !== undefined) {
      await client.query(next.sql).catch((error: unknown) => {
        throw failureOf(next, error);
      });
      await client.query(insertApplied, [randomUUID(), next.checksum, next.name]);
    }
    await client.query('COMMIT');
    return next?.name ?? null;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** A lack of rights keeps its own explanation; anything else is the migration's. */
function failureOf(migration: Migration, error: unknown): unknown {
  const insufficientPrivilege = '42501';
  if (codeOf(error) === insufficientPrivilege) return error;
  return new DatabaseSetupError(
    `The migration ${migration.name} failed and was rolled back: ${messageOf(error)}`,
    {
      cause: error,
    },
  );
}
