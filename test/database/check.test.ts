/** What Headway checks of a database before it uses it. */
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { checkForCommand, checkForService } from '../../src/database/startup/check.ts';
import { mayPass } from '../../src/database/startup/setup-error.ts';
import { waitForDatabase } from '../../src/database/startup/wait.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startOldPostgres, startRefusingPostgres } from '../support/fake-postgres.ts';
import { administer, withName } from '../support/server.ts';

const told = () => {
  const lines: string[] = [];
  return { lines, log: (_level: 'warn', message: string) => void lines.push(message) };
};

describe('a database that cannot be used is refused in one line that says what to do:', () => {
  it('a database of a server that is too old', async () => {
    await using server = await startOldPostgres('130014');

    await expect(checkForCommand(server.url)).rejects.toThrow(
      /this is PostgreSQL 13, and Headway needs 14 or later: upgrade the server/,
    );
  });

  it.each(['LATIN1', 'SQL_ASCII'])('a database in the encoding %s', async (encoding) => {
    const serverUrl = inject('serverUrl');
    const name = `${inject('databasePrefix')}_${encoding.toLowerCase()}`;
    await administer(serverUrl, (client) =>
      client.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING ${encoding} LOCALE 'C'`),
    );

    await expect(
      checkForService(withName(serverUrl, name), { runners: 1, log: () => undefined }),
    ).rejects.toThrow(
      new RegExp(
        `its encoding is ${encoding}, and Headway needs UTF8: create another database \\(createdb .*UTF8`,
      ),
    );
  });

  it('a database that is read-only', async () => {
    const { url, drop } = await createEmptyDatabase();
    const readOnly = new URL(url);
    readOnly.searchParams.set('options', '-c default_transaction_read_only=on');

    await expect(checkForService(readOnly.href, { runners: 1, log: () => undefined })).rejects.toThrow(
      /is read-only for postgres: set DATABASE_URL to the primary server, or default_transaction_read_only/,
    );
    await drop();
  });
});

describe('a role', () => {
  it.each([
    ['fewer connections than one for each pool is refused', 8, true],
    ['fewer connections than the service may take leads to a warning', 21, false],
  ])('with %s', async (_what, limit, isRefused) => {
    const { url, drop } = await createEmptyDatabase();
    const role = `${new URL(url).pathname.slice(1)}_role`;
    await administer(url, (client) => client.query(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT ${limit}`));
    const limited = new URL(url);
    limited.username = role;
    const { lines, log } = told();

    const refusal = await checkForService(limited.href, { runners: 1, log }).catch(
      (error: Error) => error.message,
    );

    const words = expect.stringMatching(
      new RegExp(
        `allows ${limit} connections, .* up to 22: raise the limit of the role \\(ALTER ROLE ${role}`,
      ),
    );
    expect([refusal, lines]).toEqual(isRefused ? [words, []] : [undefined, [words]]);
    await drop();
    await administer(inject('serverUrl'), (client) => client.query(`DROP ROLE ${role}`));
  });

  it('whose connections others use at the moment is waited for', async () => {
    const { url, drop } = await createEmptyDatabase();
    const role = `${new URL(url).pathname.slice(1)}_role`;
    await administer(url, (client) => client.query(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT 22`));
    const limited = new URL(url);
    limited.username = role;
    const others = Array.from({ length: 21 }, () => new pg.Client({ connectionString: limited.href }));
    for (const other of others) await other.connect();
    const lines: string[] = [];
    const log = (_level: string, message: string) => void lines.push(message);
    const check = () => checkForService(limited.href, { runners: 1, log });
    const waiting = waitForDatabase(limited.href, { seconds: 600, log, check });

    await eventually(() => lines.length > 0);
    for (const other of others) await other.end();
    await waiting;

    expect(lines[0]).toMatch(/^Waiting up to .*too many connections for role .* CONNECTION LIMIT/);
    expect(lines.at(-1)).toMatch(/^PostgreSQL is available/);
    await drop();
    await administer(inject('serverUrl'), (client) => client.query(`DROP ROLE ${role}`));
  });

  it('with enough connections leads to no warning', async () => {
    const { url, drop } = await createEmptyDatabase();
    const { lines, log } = told();

    await checkForService(url, { runners: 1, log });

    expect(lines).toEqual([]);
    await drop();
  });
});

describe('an error of a pooler is understood:', () => {
  const log = () => undefined;
  const startup = /refuses a startup parameter \(.*\): remove it from DATABASE_URL/;

  it.each([
    ['08P01', 'unsupported startup parameter: options', startup],
    ['08P01', 'unsupported startup parameter in options: lock_timeout', startup],
    ['0A000', 'Feature not supported: RDS Proxy currently doesn’t support command-line options.', startup],
    ['08P01', 'no such user: headway', /does not let headway in \(no such user/],
    ['XX000', 'Tenant or user not found', /does not let headway in/],
    ['08P01', 'no such database: app', /^There is no database app on/],
    ['08P01', 'SSL required', /accepts connections only with TLS/],
  ])('%s %s ends the wait at once', async (code, message, said) => {
    await using pooler = await startRefusingPostgres(code, message);

    await expect(waitForDatabase(pooler.url, { seconds: 600, log })).rejects.toThrow(said);
  });

  it.each([
    ['no more connections allowed (max_client_conn)', /raise the pooler's max_client_conn/],
    ['query_wait_timeout', /raise the size of the pooler's pool/],
    ['server login has been failing, try again later (server_login_retry)', /is not ready/],
  ])('08P01 %s may pass', async (message, said) => {
    await using pooler = await startRefusingPostgres('08P01', message);

    const refusal = await waitForDatabase(pooler.url, { seconds: 0, log }).catch((error: Error) => error);

    expect(String(refusal)).toMatch(said);
    expect(mayPass(refusal)).toBe(true);
  });
});
