/** Connections that hang without being closed, while new connections work. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { isConnectionError } from '../../src/database/error-kinds.ts';
import type { Settings } from '../../src/database/pg-client.ts';
import { within } from '../support/calibration.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ForgetfulProxy } from '../support/forgetful-proxy.ts';

class Network implements AsyncDisposable {
  readonly proxy: ForgetfulProxy;
  /** A database whose connections go through the proxy. */
  readonly db: Database;
  private readonly database: TestDatabase;

  private constructor(database: TestDatabase, proxy: ForgetfulProxy, settings: Settings) {
    this.database = database;
    this.proxy = proxy;
    this.db = openDatabase(proxy.url, { name: 'hanging', settings });
  }

  static async create(settings: Settings = {}): Promise<Network> {
    const database = await createTestDatabase();
    return new Network(database, await ForgetfulProxy.start(database.url), settings);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.database.drop();
  }
}

const failureOf = (work: Promise<unknown>) => work.catch((error: unknown) => error);

// The tests run side by side, because each of them waits for seconds.
describe.concurrent('connections that a firewall has forgotten', () => {
  it('are dropped within 5 s, together with the idle ones', async () => {
    await using network = await Network.create();
    const { db, proxy } = network;
    await Promise.all([1, 2, 3].map(() => db.pool.query('SELECT pg_sleep(0.1)')));
    proxy.forget();

    const [error, next] = await within(6_000, async () => [
      await within(5_000, () => failureOf(db.pool.query('SELECT 1'))),
      await Promise.all([1, 2, 3].map(() => db.pool.query('SELECT 1'))),
    ]);

    expect(isConnectionError(error)).toBe(true);
    expect(next).toHaveLength(3);
  });

  it('are dropped within 5 s after the network is back', async () => {
    await using network = await Network.create();
    const { db, proxy } = network;
    await db.pool.query('SELECT 1');
    proxy.down();
    const answer = failureOf(db.pool.query('SELECT 1'));
    await sleep(7_000);

    await within(5_500, async () => {
      proxy.up();
      await answer;
      await db.pool.query('SELECT 1');
    });
  });

  it("delay a job's transaction for at most 5 s, also if a later statement of it gets no answer", async () => {
    await using network = await Network.create();
    const { db, proxy } = network;
    const steps: string[] = [];

    const work = () =>
      db.prisma.$transaction(
        async (tx) => {
          await tx.$executeRaw`SELECT 1`;
          steps.push('begun');
          proxy.forget();
          await tx.$executeRaw`SELECT 2`;
          steps.push('lost');
        },
        { timeout: 120_000 },
      );
    const error = await within(5_000, () => failureOf(work()));

    expect(isConnectionError(error)).toBe(true);
    expect(steps).toEqual(['begun']);
  });

  it('are not confused with statements that take long', async () => {
    await using network = await Network.create();

    const rows = await network.db.prisma.$executeRaw`SELECT pg_sleep(8)`;

    expect(rows).toBe(1);
  });

  it('are not confused with statements that wait for a lock', async () => {
    await using network = await Network.create({ lock_timeout: '60000' });
    const { db } = network;
    const first = await db.pool.connect();
    await first.query('BEGIN; SELECT pg_advisory_xact_lock(7)');
    const second = db.prisma.$executeRaw`SELECT pg_advisory_xact_lock(7)`;
    const outcome = second.then(
      () => 'got it',
      () => 'refused',
    );
    // By then, the watchdog has asked PostgreSQL. If it asks later, the test only becomes easier to pass.
    await sleep(4_500);

    await first.query('COMMIT');
    first.release();

    expect(await outcome).toBe('got it');
  });
});
