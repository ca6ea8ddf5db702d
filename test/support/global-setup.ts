/**
 * Starts one PostgreSQL for the test run, with a migrated template from which each test's database is cloned.
 * The server is the embedded one, or the one at TEST_DATABASE_URL.
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { PgBoss } from 'pg-boss';
import type { TestProject } from 'vitest/node';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded/postgres.ts';
import { migrate } from '../../src/database/migrations/migrate.ts';
import { reportMissingChromium } from './chromium.ts';
import { Run } from './run/run.ts';
import { createDatabase, dropDatabases, withName } from './server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of the server's own database, from which the databases of tests are created and dropped. */
    serverUrl: string;
    /** The beginning of the names of this run's databases; the template is `<prefix>_template`. */
    databasePrefix: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  reportMissingChromium();
  const run = new Run();
  const server = await startServer(run.folder);
  const prefix = `headway_test_${randomBytes(4).toString('hex')}`;
  await createTemplate(server.url, `${prefix}_template`);
  project.provide('serverUrl', server.url);
  project.provide('databasePrefix', prefix);
  return async () => {
    await dropDatabases(server.url, prefix);
    await server.stop();
    const left = await run.end();
    if (left.length > 0) throw new Error(`The tests left processes behind:\n${left.join('\n')}`);
  };
}

async function createTemplate(serverUrl: string, name: string): Promise<void> {
  await createDatabase(serverUrl, name);
  const url = withName(serverUrl, name);
  await migrate(url);
  // The service would install pg-boss, too; here it happens once for all databases.
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  boss.on('error', () => undefined);
  await boss.start();
  await boss.stop({ graceful: false });
}

async function startServer(runFolder: string): Promise<{ url: string; stop(): Promise<void> }> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined) return { url: given, stop: () => Promise.resolve() };

  const dataDir = path.join(runFolder, 'server');
  await mkdir(dataDir, { mode: 0o755 });
  const server: EmbeddedPostgres = await startEmbeddedPostgres({
    dataDir,
    log: () => undefined,
    // No fsync: the data is thrown away, so it need not reach a disk.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' },
  });
  return { url: server.url, stop: () => server.stop() };
}
