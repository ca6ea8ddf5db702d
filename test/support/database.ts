/** Creates databases for tests that need one. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { createDatabase, dropDatabases, withName } from './server.ts';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** A migrated database with pg-boss installed. A database that no test drops is removed with the test run. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return clone(`${inject('databasePrefix')}_template`);
}

/** A database that was never migrated. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return clone('template1');
}

async function clone(template: string): Promise<TestDatabase> {
  const serverUrl = inject('serverUrl');
  const name = `${inject('databasePrefix')}_${randomBytes(6).toString('hex')}`;
  await createDatabase(serverUrl, name, template);
  return { url: withName(serverUrl, name), drop: () => dropDatabases(serverUrl, name) };
}
