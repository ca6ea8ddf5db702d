/** The migrations of this code, in Prisma's layout, and which of them a database has. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf } from '../error-text.ts';
import { DatabaseSetupError } from '../startup/setup-error.ts';

export interface Migration {
  readonly name: string;
  readonly sql: string;
  /** As Prisma computes it: sha256 of the file, in hex. */
  readonly checksum: string;
}

/** A row of `_prisma_migrations`. */
export interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
  /** False if Prisma's tool began the migration and did not finish it. */
  readonly isFinished: boolean;
}

/** What these functions need of a connection or pool. */
export interface Queryable {
  query(sql: string): Promise<{ rows: unknown[] }>;
}

/** `prisma/migrations` of this project. */
export const migrationsFolder = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/** The migrations in a folder, in the order of their names. */
export async function readMigrations(folder: string = migrationsFolder): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(path.join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** The migrations that the database has recorded as applied; none if it was never migrated. */
export async function readApplied(client: Queryable): Promise<AppliedMigration[]> {
  try {
    const { rows } = await client.query(
      `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS "isFinished"
         FROM _prisma_migrations
        WHERE rolled_back_at IS NULL
        ORDER BY started_at`,
    );
    // The cast is safe: the columns are named and typed as in the interface.
    return rows as AppliedMigration[];
  } catch (error) {
    const undefinedTable = '42P01';
    if (codeOf(error) === undefinedTable) return [];
    throw error;
  }
}

/**
 * The migrations that are still to be applied.
 * @throws {DatabaseSetupError} if the history of the database does not fit the migrations of this code
 */
export function planMigrations(
  migrations: readonly Migration[],
  applied: readonly AppliedMigration[],
): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, checksum, isFinished } of applied) {
    const migration = known.get(name);
    if (migration === undefined) {
      throw new DatabaseSetupError(
        `The database is newer than this Headway (the migration ${name} was applied to it): start the version that migrated it, or a later one.`,
      );
    }
    if (!isFinished) {
      throw new DatabaseSetupError(
        `The migration ${name} was begun and not finished: repair what it left, then run prisma migrate resolve --rolled-back ${name} (or --applied).`,
      );
    }
    if (migration.checksum !== checksum) {
      throw new DatabaseSetupError(
        `The migration ${name} was changed after it was applied to the database: restore its file, and put the change into a new migration.`,
      );
    }
  }
  const done = new Set(applied.map(({ name }) => name));
  return migrations.filter(({ name }) => !done.has(name));
}

/** The names of the migrations that the database still lacks; none if it is ready for this code. */
export async function pendingMigrations(client: Queryable): Promise<string[]> {
  const [migrations, applied] = await Promise.all([readMigrations(), readApplied(client)]);
  const done = new Set(applied.filter(({ isFinished }) => isFinished).map(({ name }) => name));
  return migrations.filter(({ name }) => !done.has(name)).map(({ name }) => name);
}
