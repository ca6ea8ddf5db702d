/** `headway migrate`: brings a database up to date. */
import { loadConfig } from '../config.ts';
import { migrate } from '../database/migrations/migrate.ts';
import { withDatabase } from './database.ts';
import { say } from './terminal.ts';

export async function migrateOnly(): Promise<void> {
  const config = loadConfig(process.env);
  await withDatabase(config, async (url) => {
    const onWait = (message: string) => process.stderr.write(`headway: ${message}\n`);
    const { applied } = await migrate(url, { onWait });
    say(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}`);
  });
}
