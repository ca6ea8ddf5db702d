/**
 * Brings a database up to date, as `prisma migrate deploy` would and beside it: the same table, checksums and
 * advisory lock. It needs no download, and any number of processes may do it at once.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { connectPlainly } from '../connect.ts';
import { codeOf, messageOf } from '../error-text.ts';
import { advisoryLocks } from '../names.ts';
import { addressOf, DatabaseSetupError, toSetupError } from '../startup/setup-error.ts';
import { isWaitedOut, type LockOptions, throughLocks } from './locks.ts';
import {
  type Migration,
  migrationsFolder,
  planMigrations,
  readApplied,
  readMigrations,
} from './migrations.ts';

export { DatabaseSetupError } from '../startup/setup-error.ts';
export { pendingMigrations } from './migrations.ts';

export interface MigrateOptions extends LockOptions {
  /** Where the migrations lie, for tests. */
  readonly folder?: string;
  /** How long a server that is starting up is waited for (default 15,000). */
  readonly startupTimeoutMs?: number;
}

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

/**
 * Applies what is missing and answers the names. Where others hold the locks that it takes, it says so and tries again.
 * @throws {DatabaseSetupError} that says what to do
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(options.folder ?? migrationsFolder);
  const applied: string[] = [];
  try {
    await waitForStartup(url, options);
    await throughLocks(
      url,
      'The migration',
      async (client) => {
        if (planMigrations(migrations, await readApplied(client)).length === 0) return;
        await applyAll(client, migrations, applied);
      },
      options,
    );
    return { applied };
  } catch (error) {
    throw toSetupError(error, url);
  }
}

/** A server that has just been started lets nobody in for a moment. */
async function waitForStartup(url: string, options: MigrateOptions): Promise<void> {
  const deadline = performance.now() + (options.startupTimeoutMs ?? 15_000);
  // Says what is wrong with a URL that cannot be parsed, before pg does so in worse words.
  addressOf(url);
  for (;;) {
    try {
      const client = await connectPlainly(url, options);
      return void client.end().catch(() => undefined);
    } catch (error) {
      const cannotConnectNow = '57P03';
      if (codeOf(error) !== cannotConnectNow || performance.now() > deadline) throw error;
      await sleep(250);
    }
  }
}

/** @param applied gets the names; it may hold those of a try before */
async function applyAll(
  client: pg.Client,
  migrations: readonly Migration[],
  applied: string[],
): Promise<void> {
  for (;;) {
    const name = await applyNext(client, migrations);
    if (name === null) return;
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
    await client.query(`SELECT pg_advisory_xact_lock(${advisoryLocks.migration})`);
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

/** A lack of rights keeps its own explanation, and a lock is waited for; anything else is the migration's. */
function failureOf(migration: Migration, error: unknown): unknown {
  const insufficientPrivilege = '42501';
  if (codeOf(error) === insufficientPrivilege || isWaitedOut(error)) return error;
  return new DatabaseSetupError(
    `The migration ${migration.name} failed and was rolled back: ${messageOf(error)}`,
    {
      cause: error,
    },
  );
}
