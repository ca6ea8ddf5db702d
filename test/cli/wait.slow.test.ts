/** A start for which the database is not there yet. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startRefusingPostgres } from '../support/fake-postgres.ts';
import { ForgetfulProxy } from '../support/forgetful-proxy.ts';
import { HeadwayProcess, runHeadway } from '../support/process.ts';

const waiting = /"level":40.*Waiting up to \d+ s for PostgreSQL/;

describe('a start without its database', () => {
  let database: TestDatabase;
  let proxy: ForgetfulProxy;
  let headway: HeadwayProcess | undefined;

  beforeEach(async () => {
    headway = undefined;
    database = await createTestDatabase();
    proxy = await ForgetfulProxy.start(database.url);
  });

  afterEach(async () => {
    headway?.signal('SIGKILL');
    await headway?.exited;
    await proxy[Symbol.asyncDispose]();
    await database.drop();
  });

  it.each(['down', 'refuse'] as const)('waits for it, and says so (%s)', async (fail) => {
    proxy[fail]();
    const process = new HeadwayProcess([], { PORT: '0', DATABASE_URL: proxy.url });
    headway = process;
    await eventually(() => waiting.test(process.stdout));

    proxy.up();

    const ready = await fetch(`${await process.ready()}/readyz`);
    expect(ready.status).toBe(200);
    expect(process.stdout).toMatch(/PostgreSQL is there, after \d+ s/);
  });

  it('waits no longer than it was told', async () => {
    proxy.refuse();

    const { code, stdout, stderr } = await runHeadway([], {
      DATABASE_URL: proxy.url,
      HEADWAY_DATABASE_WAIT_SECONDS: '2',
    });

    expect(code).toBe(1);
    expect(stdout.match(new RegExp(waiting, 'g'))).toHaveLength(1);
    expect(stderr).toMatch(/^headway: /);
  });

  it.each([
    ['28P01', 'password authentication failed for user "headway"', /correct user and password/],
    ['3D000', 'database "app" does not exist', /create it/],
  ])('does not wait for what will not pass (%s)', async (code, message, said) => {
    await using postgres = await startRefusingPostgres(code, message);

    const exit = await runHeadway([], { DATABASE_URL: postgres.url });

    expect(exit.code).toBe(1);
    expect(exit.stdout).toBe('');
    expect(exit.stderr).toMatch(said);
  });
});
