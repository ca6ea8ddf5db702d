/**
 * Applies the migrations that a database lacks, compatibly with `prisma migrate deploy`: with the same table,
 * checksums and advisory lock, so that the two may run side by side. It downloads nothing, and any number of
 * processes may migrate at the same time.
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
  /** The folder of the migrations; only tests set it. */
  readonly folder?: string;
  /** How long to wait for a server that is starting up (default 15,000). */
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
 * Applies the missing migrations and returns their names. If others hold the locks that it needs, it reports
 * so by `onWait` and tries again.
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

/** Waits for a server that has just been started: at first it accepts no connections. */
async function waitForStartup(url: string, options: MigrateOptions): Promise<void> {
  const deadline = performance.now() + (options.startupTimeoutMs ?? 15_000);
  // Throws for a URL that cannot be parsed, with a better message than pg's.
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

/** @param applied receives the names; it may already hold names from an earlier try */
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
 * Applies the next migration and records it, in one transaction that holds the lock: both or neither. The
 * plan is made again under the lock, because another process may have been faster.
 * @returns the name of the migration; null if none is missing
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

/**
 * The error to throw when a migration fails. A lack of rights has an explanation of its own, and locks and
 * interruptions lead to another try; any other error is the fault of the migration.
 */
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
