/** What is seen of a database before it is used. */
import { describe, expect, inject, it } from 'vitest';
import { checkForCommand, checkForService } from '../../src/database/check.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { startOldPostgres } from '../support/fake-postgres.ts';
import { administer, withName } from '../support/server.ts';

const told = () => {
  const lines: string[] = [];
  return { lines, log: (_level: 'warn', message: string) => void lines.push(message) };
};

describe('a database that cannot be used is refused in a line that says what to do:', () => {
  it('of a server that is too old', async () => {
    await using server = await startOldPostgres('130014');

    await expect(checkForCommand(server.url)).rejects.toThrow(
      /this is PostgreSQL 13, and Headway needs 14 or later: upgrade the server/,
    );
  });

  it.each(['LATIN1', 'SQL_ASCII'])('one in %s', async (encoding) => {
    const serverUrl = inject('serverUrl');
    const name = `${inject('databasePrefix')}_${encoding.toLowerCase()}`;
    await administer(serverUrl, (client) =>
      client.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING ${encoding} LOCALE 'C'`),
    );

    await expect(
      checkForService(withName(serverUrl, name), { runners: 1, log: () => undefined }),
    ).rejects.toThrow(
      new RegExp(`its encoding is ${encoding}, and Headway needs UTF8: create another \\(createdb .*UTF8`),
    );
  });

  it('one that is read-only', async () => {
    const { url, drop } = await createEmptyDatabase();
    const readOnly = new URL(url);
    readOnly.searchParams.set('options', '-c default_transaction_read_only=on');

    await expect(checkForService(readOnly.href, { runners: 1, log: () => undefined })).rejects.toThrow(
      /is read-only for postgres: let DATABASE_URL name the primary server, or set default_transaction_read_only/,
    );
    await drop();
  });
});

describe('a role', () => {
  it.each([
    ['too few connections for one in each pool is refused', 8, true],
    ['fewer connections than it may take is warned of', 21, false],
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

  it('with connections enough is not spoken of', async () => {
    const { url, drop } = await createEmptyDatabase();
    const { lines, log } = told();

    await checkForService(url, { runners: 1, log });

    expect(lines).toEqual([]);
    await drop();
  });
});
