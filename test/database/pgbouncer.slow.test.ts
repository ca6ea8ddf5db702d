/** Connections through PgBouncer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { Listener } from '../../src/database/listener.ts';
import { checkForCommand, checkForService } from '../../src/database/startup/check.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { hasPgBouncer, PgBouncer, type PoolMode } from '../support/pgbouncer.ts';
import { administer } from '../support/server.ts';

const shared = /is a pooler that lends sessions by the transaction or the statement.*pool_mode = session/;
const service = { runners: 1, log: () => undefined };

describe.skipIf(!hasPgBouncer)('through PgBouncer', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  /** Starts a pooler that other clients use all the time, so that its sessions change hands. */
  async function busy(mode: PoolMode, settings: Record<string, number>) {
    const pooler = await PgBouncer.start(database.url, mode, settings);
    const stopping = new AbortController();
    const others = Array.from({ length: 8 }, () =>
      administer(pooler.url, async (client) => {
        while (!stopping.signal.aborted) await client.query('SELECT pg_sleep(0.002)');
      }),
    );
    return {
      url: pooler.url,
      async [Symbol.asyncDispose]() {
        stopping.abort();
        await Promise.all(others);
        await pooler[Symbol.asyncDispose]();
      },
    };
  }

  describe('that pools sessions', () => {
    // The first pooler refuses startup options, the second ignores them silently.
    it.each([{}, { ignore_startup_parameters: 'options' }])(
      'each connection has its settings, also if it gets a session that another client has used (%o)',
      async (settings) => {
        await using pooler = await PgBouncer.start(database.url, 'session', {
          ...settings,
          default_pool_size: 2,
        });
        const settingsOf = async () => {
          const db = openDatabase(pooler.url, {
            name: 'test',
            connections: 1,
            settings: { work_mem: '5MB' },
          });
          const ask = `SELECT current_setting('lock_timeout') AS lock, current_setting('timezone') AS zone,
                              current_setting('work_mem') AS memory, pg_backend_pid() AS pid`;
          const answers = [
            (await db.pool.query(ask)).rows[0],
            (await db.prisma.$queryRawUnsafe<{ pid: number }[]>(ask))[0],
          ];
          await db.close();
          return answers;
        };

        const first = await settingsOf();
        const second = await settingsOf();
        await pooler.restart();
        const third = await settingsOf();

        for (const answer of [...first, ...second, ...third])
          expect(answer).toMatchObject({ lock: '5s', zone: 'UTC', memory: '5MB' });
        const pids = [...first, ...second].map(({ pid }) => pid);
        expect(new Set(pids).size).toBeLessThan(pids.length);
      },
    );

    it('notifications arrive, also after a restart of the pooler', async () => {
      await using pooler = await PgBouncer.start(database.url, 'session');
      const heard: string[] = [];
      const listener = new Listener({
        url: pooler.url,
        channel: 'news',
        name: 'test',
        onNotification: (payload) => heard.push(payload),
        onConnect: () => undefined,
      });
      const notify = (payload: string) =>
        eventually(async () => {
          await administer(database.url, (client) => client.query(`NOTIFY news, '${payload}'`));
          return heard.includes(payload);
        });

      listener.start();
      await notify('before');
      await pooler.restart();
      await notify('after');

      await listener.stop();
    });

    it('a service and a command accept the pooler, idle or busy', async () => {
      await using idle = await PgBouncer.start(database.url, 'session');
      await using taken = await busy('session', { server_round_robin: 1 });

      for (const { url } of [idle, taken]) {
        await checkForService(url, service);
        await checkForCommand(url);
      }
    });

    it('a pooler with too few sessions is refused', async () => {
      await using one = await PgBouncer.start(database.url, 'session', { default_pool_size: 1 });
      await using five = await PgBouncer.start(database.url, 'session', { default_pool_size: 5 });
      await using three = await PgBouncer.start(database.url, 'session', { max_client_conn: 3 });

      const refusals = await Promise.all(
        [one, five, three].map(({ url }) => checkForService(url, service).catch(({ message }) => message)),
      );

      expect(refusals).toEqual([
        expect.stringMatching(/gives only 1 of the 14 sessions that Headway needs .*: enlarge its pool/),
        expect.stringMatching(/gives only 5 of the 14 sessions that Headway needs .*: enlarge its pool/),
        expect.stringMatching(/gives only 3 of the 14 sessions that Headway needs .*max_client_conn/),
      ]);
    });
  });

  it('warns of a pooler with fewer sessions than may be taken', async () => {
    await using pooler = await PgBouncer.start(database.url, 'session', { default_pool_size: 16 });
    const told: string[] = [];

    await checkForService(pooler.url, { ...service, log: (_level, message) => told.push(message) });

    expect(told).toEqual([
      expect.stringMatching(/gives only 16 of 22 sessions that it may take .*: enlarge its pool/),
    ]);
  });

  describe.each(['transaction', 'statement'] as const)('that pools by the %s', (mode) => {
    it.each([1, 2, 20])('is refused while it is idle, with %i sessions', async (size) => {
      await using pooler = await PgBouncer.start(database.url, mode, { default_pool_size: size });

      for (let round = 0; round < 5; round += 1) {
        await expect(checkForService(pooler.url, service)).rejects.toThrow(shared);
        await expect(checkForCommand(pooler.url)).rejects.toThrow(shared);
      }
    });

    it.each([0, 1])('is refused while others use it (server_round_robin %i)', async (roundRobin) => {
      await using pooler = await busy(mode, { server_round_robin: roundRobin });

      for (let round = 0; round < 20; round += 1) {
        await expect(checkForService(pooler.url, service)).rejects.toThrow(shared);
        await sleep(7);
      }
    });

    it('the check leaves no setting behind in the sessions of others', async () => {
      await using pooler = await PgBouncer.start(database.url, mode, { default_pool_size: 1 });

      await checkForCommand(pooler.url).catch(() => undefined);

      const { rows } = await administer(pooler.url, (client) =>
        client.query(`SELECT name FROM pg_settings WHERE source = 'session' AND name LIKE '%time%'`),
      );
      expect(rows.map(({ name }) => name).filter((name) => name !== 'TimeZone')).toEqual([]);
    });
  });

  it('startup parameters in the URL are refused at once, and named', async () => {
    await using pooler = await PgBouncer.start(database.url, 'session');

    for (const [name, value] of [
      ['options', '-c work_mem=5MB'],
      ['statement_timeout', '5'],
    ] as const) {
      const url = new URL(pooler.url);
      url.searchParams.set(name, value);
      await expect(checkForService(url.href, service)).rejects.toThrow(
        new RegExp(`refuses a startup parameter \\(.*${name}.*\\): remove it from DATABASE_URL`),
      );
    }
  });

  it('a database that the pooler does not know is reported as missing', async () => {
    await using pooler = await PgBouncer.start(database.url, 'session');
    const url = new URL(pooler.url);
    url.pathname = '/nothing';

    await expect(checkForService(url.href, service)).rejects.toThrow(/^There is no database nothing on /);
  });
});
