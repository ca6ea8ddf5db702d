/** The database that a command of the command line works on: the one at DATABASE_URL, or the embedded one. */
import type pg from 'pg';
import type { Config } from '../config.ts';
import { openPool } from '../database/database.ts';
import { startEmbeddedPostgres } from '../database/embedded/postgres.ts';
import { pendingMigrations } from '../database/migrations/migrate.ts';
import { checkForCommand } from '../database/startup/check.ts';
import { mendable } from '../database/startup/setup-error.ts';
import { CommandError } from './exit-errors.ts';

/**
 * Runs `work` on the database at DATABASE_URL, after a check that Headway can use it. Without DATABASE_URL,
 * it uses the embedded server: it joins the server if it runs, otherwise starts it, and stops it afterwards.
 * @throws {DatabaseSetupError} that says what to do
 */
export async function withDatabase<T>(config: Config, work: (url: string) => Promise<T>): Promise<T> {
  if (config.databaseUrl !== undefined) {
    await checkForCommand(config.databaseUrl);
    return work(config.databaseUrl);
  }
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, log: () => undefined });
  try {
    return await work(postgres.url);
  } finally {
    await postgres.stop();
  }
}

/**
 * Runs `work` on one connection to a database that has all migrations.
 * @throws {DatabaseSetupError | CommandError} if the database cannot be reached, or lacks migrations
 */
export function withConnection<T>(
  config: Config,
  name: string,
  work: (pool: pg.Pool) => Promise<T>,
): Promise<T> {
  return withDatabase(config, async (url) => {
    const pool = openPool(url, { name, connections: 1 });
    try {
      const pending = await pendingMigrations(pool);
      if (pending.length > 0)
        throw new CommandError(`The database lacks migrations (headway migrate): ${pending.join(', ')}`);
      return await work(pool);
    } catch (error) {
      throw mendable(error, url);
    } finally {
      await pool.end();
    }
  });
}
