import { expect, test } from 'vitest';
import { migrate } from '../../src/database/migrations/migrate.ts';
import { hasDebian15, makeDataDir, query, startDebian15 } from '../support/embedded.ts';

test.skipIf(!hasDebian15)('PostgreSQL 15 is migrated too (needs its Debian package)', async () => {
  await using dir = await makeDataDir();
  const server = await startDebian15(dir.path);

  const { applied } = await migrate(server.url);
  const [version] = await query<{ version: string }>(server.url, 'SELECT version()');
  await server.stop();

  expect(version?.version).toMatch(/^PostgreSQL 15/);
  expect(applied[0]).toBe('20261123000000_init');
});
