/** Connections that hang without being closed, while new ones work. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { isConnectionError } from '../../src/database/errors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ForgetfulProxy } from '../support/forgetful-proxy.ts';

describe('connections that a firewall has forgotten', () => {
  let database: TestDatabase;
  let proxy: ForgetfulProxy;
  let db: Database;

  beforeEach(async () => {
    database = await createTestDatabase();
    proxy = await ForgetfulProxy.start(database.url);
    db = openDatabase(proxy.url, { name: 'hanging' });
  });

  afterEach(async () => {
    await db.close();
    await proxy[Symbol.asyncDispose]();
    await database.drop();
  });

  it('are given up within 5 s, idle ones with them', async () => {
    await Promise.all([1, 2, 3].map(() => db.pool.query('SELECT pg_sleep(0.1)')));
    proxy.forget();

    const began = performance.now();
    const error = await db.pool.query('SELECT 1').catch((cause: unknown) => cause);
    const hungMs = performance.now() - began;
    const next = await Promise.all([1, 2, 3].map(() => db.pool.query('SELECT 1')));

    expect(isConnectionError(error)).toBe(true);
    expect(hungMs).toBeLessThan(5_000);
    expect(next).toHaveLength(3);
    expect(performance.now() - began).toBeLessThan(6_000);
  });

  it('are given up within 5 s after the network is back', async () => {
    await db.pool.query('SELECT 1');
    proxy.down();
    const answer = db.pool.query('SELECT 1').catch((cause: unknown) => cause);
    await sleep(7_000);

    proxy.up();
    const began = performance.now();
    await answer;
    await db.pool.query('SELECT 1');

    expect(performance.now() - began).toBeLessThan(5_500);
  });

  it("hold up a job's transaction no longer, whichever of its statements they swallow", async () => {
    const steps: string[] = [];
    const began = performance.now();

    const error = await db.prisma
      .$transaction(
        async (tx) => {
          await tx.$executeRaw`SELECT 1`;
          steps.push('begun');
          proxy.forget();
          await tx.$executeRaw`SELECT 2`;
          steps.push('lost');
        },
        { timeout: 120_000 },
      )
      .catch((cause: unknown) => cause);

    expect(isConnectionError(error)).toBe(true);
    expect(steps).toEqual(['begun']);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('are told from statements that take long', async () => {
    const rows = await db.prisma.$executeRaw`SELECT pg_sleep(8)`;

    expect(rows).toBe(1);
  });

  it('are told from statements that wait for a lock', async () => {
    const first = await db.pool.connect();
    await first.query('BEGIN; SELECT pg_advisory_xact_lock(7)');
    const second = db.prisma.$executeRaw`SELECT pg_advisory_xact_lock(7)`;
    const outcome = second.then(
      () => 'got it',
      () => 'refused',
    );
    await sleep(4_500);

    await first.query('COMMIT');
    first.release();

    expect(await outcome).toBe('got it');
  });
});
