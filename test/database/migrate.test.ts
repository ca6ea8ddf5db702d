import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { migrate, pendingMigrations } from '../../src/database/migrations/migrate.ts';
import { migrationsFolder } from '../../src/database/migrations/migrations.ts';
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts';
import { query } from '../support/embedded.ts';
import { startMutePostgres, startRefusingPostgres } from '../support/fake-postgres.ts';
import { conditionLimitMs } from '../support/patience.ts';
import { administer, withName } from '../support/server.ts';

const init = '20261123000000_init';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'headway-migrations-'));
});

afterAll(() => rm(folder, { recursive: true }));

test('an empty database is migrated once', async () => {
  const { url } = await createEmptyDatabase();

  const before = await administer(url, pendingMigrations);
  const first = await migrate(url);
  const second = await migrate(url);
  const after = await administer(url, pendingMigrations);

  expect(first.applied).toEqual(before);
  expect(before[0]).toBe(init);
  expect(second.applied).toEqual([]);
  expect(after).toEqual([]);
});

test('a migration is recorded as Prisma records it', async () => {
  const { url } = await createTestDatabase();
  const sql = await readFile(path.join(migrationsFolder, init, 'migration.sql'));

  const rows = await query(
    url,
    `SELECT checksum, migration_name, rolled_back_at, applied_steps_count, logs,
            finished_at >= started_at AS finished, id ~ '^[0-9a-f-]{36}$' AS uuid
       FROM _prisma_migrations ORDER BY migration_name LIMIT 1`,
  );

  expect(rows).toEqual([
    {
      checksum: createHash('sha256').update(sql).digest('hex'),
      migration_name: init,
      rolled_back_at: null,
      applied_steps_count: 1,
      logs: null,
      finished: true,
      uuid: true,
    },
  ]);
});

test('when five processes migrate at once, one applies each migration, and the others find it done', async () => {
  const { url } = await createEmptyDatabase();

  const results = await Promise.all(Array.from({ length: 5 }, () => migrate(url)));

  const applied = results.flatMap((result) => result.applied);
  expect(applied.length).toBeGreaterThan(0);
  expect(new Set(applied).size).toBe(applied.length);
});

test('a migration that fails leaves nothing behind, and the migrations before it stay', async () => {
  const { url } = await createEmptyDatabase();
  const broken = await writeMigrations('broken', {
    '1_good': 'CREATE TABLE good ()',
    '2_bad': 'CREATE TABLE bad (); SELECT 1/0;',
  });

  await expect(migrate(url, { folder: broken })).rejects.toThrow(
    'The migration 2_bad failed and was rolled back: division by zero',
  );

  const tables = await query(url, `SELECT to_regclass('good') AS good, to_regclass('bad') AS bad`);
  expect(tables).toEqual([{ good: 'good', bad: null }]);

  const mended = await writeMigrations('mended', {
    '1_good': 'CREATE TABLE good ()',
    '2_bad': 'CREATE TABLE bad ()',
  });
  expect(await migrate(url, { folder: mended })).toEqual({ applied: ['2_bad'] });
});

describe('a history that does not fit the code is refused:', () => {
  test('that of a newer database', async () => {
    const { url } = await createTestDatabase();
    await query(url, record('20990101000000_future', 'now()'));

    await expect(migrate(url)).rejects.toThrow(
      /^The database is newer than this Headway \(the migration 20990101000000_future was applied to it\): start/,
    );
  });

  test('with a migration that was changed after it was applied', async () => {
    const { url } = await createTestDatabase();
    await query(url, `UPDATE _prisma_migrations SET checksum = 'another' WHERE migration_name = '${init}'`);

    await expect(migrate(url)).rejects.toThrow(
      /init was changed after it was applied to the database: restore its file/,
    );
  });

  test('with a migration that Prisma began and did not finish', async () => {
    const { url } = await createTestDatabase();
    await query(url, `UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '${init}'`);

    await expect(migrate(url)).rejects.toThrow(/init was begun and not finished: .* migrate resolve/);
    expect(await administer(url, pendingMigrations)).toEqual([init]);
  });
});

test('a migration that was marked as rolled back does not count', async () => {
  const { url } = await createTestDatabase();
  await query(url, record('20990101000000_future', 'NULL'));
  await query(url, `UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL`);

  expect(await migrate(url)).toEqual({ applied: [] });
});

describe('an unusable database is explained in one line without the password:', () => {
  test('nothing listens', async () => {
    await expectRefusal(
      'postgresql://headway:secret-word@127.0.0.1:1/app',
      /^Nothing listens at 127.0.0.1:1: /,
    );
  });

  test('an unknown host', async () => {
    await expectRefusal(
      'postgresql://headway:secret-word@db.invalid/app',
      /^The host name in db.invalid:5432 /,
    );
  });

  test('a server that does not answer', async () => {
    await using server = await startMutePostgres();
    await expectRefusal(server.url, /^127.0.0.1:\d+ does not answer: check the network/, {
      connectTimeoutMs: 100,
    });
  });

  test('a wrong password', async () => {
    await using server = await startRefusingPostgres(
      '28P01',
      'password authentication failed for user "headway"',
    );
    await expectRefusal(server.url, /does not let headway in \(password authentication failed/);
  });

  test('a server that does not finish starting up', async () => {
    await using server = await startRefusingPostgres('57P03', 'the database system is starting up');
    await expectRefusal(server.url, /is not ready \(the database system is starting up\): wait for it/, {
      startupTimeoutMs: 100,
    });
  });

  test('too many connections', async () => {
    await using server = await startRefusingPostgres('53300', 'sorry, too many clients already');
    await expectRefusal(server.url, /has no free connection/);
  });

  test('a database that does not exist', async () => {
    const url = withName(inject('serverUrl'), 'no_such_database');
    await expectRefusal(url, /^There is no database no_such_database on .*: create it/);
  });

  test('a missing right', async () => {
    const { url } = await createEmptyDatabase();
    const role = `${new URL(url).pathname.slice(1)}_role`;
    await query(
      url,
      `CREATE ROLE ${role} LOGIN PASSWORD 'secret-word'; REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
    );
    const restricted = new URL(url);
    restricted.username = role;
    restricted.password = 'secret-word';

    await expectRefusal(restricted.href, /lacks a right .*permission denied for schema public.*GRANT CREATE/);
    await query(url, `DROP ROLE ${role}`);
  });

  test('a text that is no URL', async () => {
    await expectRefusal('postgresql://headway:secret-word#@/[', /^DATABASE_URL is not a URL: /);
  });
});

async function expectRefusal(
  url: string,
  message: RegExp,
  limits: Parameters<typeof migrate>[1] = { connectTimeoutMs: conditionLimitMs },
): Promise<void> {
  const refusal = await migrate(url, limits).catch((error: unknown) => error);

  expect(refusal).toMatchObject({ name: 'DatabaseSetupError', message: expect.stringMatching(message) });
  expect(String(refusal)).not.toMatch(/secret-word|\n/);
}

function record(name: string, finishedAt: string): string {
  return `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
          VALUES (gen_random_uuid()::text, 'none', '${name}', ${finishedAt})`;
}

async function writeMigrations(name: string, files: Record<string, string>): Promise<string> {
  for (const [migration, sql] of Object.entries(files)) {
    await mkdir(path.join(folder, name, migration), { recursive: true });
    await writeFile(path.join(folder, name, migration, 'migration.sql'), sql);
  }
  return path.join(folder, name);
}
