/** Which errors of the pools count as an outage, for the log and for the blame. */
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPassingError } from '../../src/database/error-kinds.ts';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import { DatabaseTrouble } from '../../src/jobs/attempt/database-trouble.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const hourMs = 3_600_000;

describe('contact with the database', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  let prisma: PrismaClient;
  let said: string[];
  let databaseTrouble: DatabaseTrouble;

  beforeEach(async () => {
    database = await createTestDatabase();
    pool = new pg.Pool({ connectionString: database.url, max: 1 });
    pool.on('error', () => undefined);
    prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
    said = [];
    const say = (_ids: unknown, text: string) => said.push(text);
    databaseTrouble = new DatabaseTrouble({ info: say, warn: say } as never);
  });

  afterEach(async () => {
    await prisma.$disconnect();
    await pool.end();
    await database.drop();
  });

  it('is not lost when all connections of a pool are in use', async () => {
    const client = await pool.connect();
    // Set after the pool has connected, which may take longer than 50 ms on a busy machine.
    Object.assign(pool.options, { connectionTimeoutMillis: 50 });

    const errors = await Promise.all([
      pool.query('SELECT 1').catch((error: unknown) => error),
      prisma.$executeRaw`SELECT 1`.catch((error: unknown) => error),
    ]);

    client.release();
    for (const error of errors) databaseTrouble.note(error);
    expect(errors.map(isPassingError)).toEqual([true, true]);
    expect(databaseTrouble.wasWithin(hourMs)).toBe(false);
    expect(said).toEqual([]);
  });

  it('is lost when a connection breaks', async () => {
    const client = await pool.connect();
    client.on('error', () => undefined);

    const error = await client
      .query('SELECT pg_terminate_backend(pg_backend_pid())')
      .catch((cause: unknown) => cause);

    client.release(true);
    databaseTrouble.note(error);
    expect(databaseTrouble.wasWithin(hourMs)).toBe(true);
    expect(said).toEqual(['PostgreSQL is away: work that needs it waits']);
  });

  it('is lost when a lease is not renewed', () => {
    databaseTrouble.noteNow();

    expect(databaseTrouble.wasWithin(hourMs)).toBe(true);
  });
});
