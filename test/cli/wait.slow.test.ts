/** A start while the database does not run yet. */
import { describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startRefusingPostgres } from '../support/fake-postgres.ts';
import { ForgetfulProxy } from '../support/forgetful-proxy.ts';
import { HeadwayProcess, runHeadway } from '../support/process.ts';

const waiting = /"level":40.*Waiting up to \d+ s for PostgreSQL/;

// The tests run side by side, because each of them waits for seconds.
describe.concurrent('a start without its database', () => {
  it.each(['down', 'refuse'] as const)('waits for it, and says so (%s)', async (fail) => {
    const database = await createTestDatabase();
    await using proxy = await ForgetfulProxy.start(database.url);
    proxy[fail]();
    const headway = new HeadwayProcess([], { PORT: '0', DATABASE_URL: proxy.url });
    await eventually(() => waiting.test(headway.stdout));

    proxy.up();

    const ready = await fetch(`${await headway.ready()}/readyz`);
    expect(ready.status).toBe(200);
    expect(headway.stdout).toMatch(/PostgreSQL is available after a wait of \d+ s/);
    headway.signal('SIGKILL');
    await headway.exited;
    await database.drop();
  });

  it('waits no longer than it was told', async () => {
    const { code, stdout, stderr } = await runHeadway([], {
      DATABASE_URL: 'postgresql://127.0.0.1:1/none',
      HEADWAY_DATABASE_WAIT_SECONDS: '3',
    });

    expect(code).toBe(1);
    expect(stdout.match(new RegExp(waiting, 'g'))).toHaveLength(1);
    expect(stderr).toMatch(/^headway: /);
  });

  it.each([
    ['28P01', 'password authentication failed for user "headway"', /correct user and password/],
    ['3D000', 'database "app" does not exist', /create it/],
  ])('does not wait after an error that will not pass (%s)', async (code, message, said) => {
    await using postgres = await startRefusingPostgres(code, message);

    const exit = await runHeadway([], { DATABASE_URL: postgres.url });

    expect(exit.code).toBe(1);
    expect(exit.stdout).toBe('');
    expect(exit.stderr).toMatch(said);
  });
});
