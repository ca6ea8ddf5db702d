import { once } from 'node:events';
import { access, mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts';
import { query } from '../support/embedded.ts';
import { runHeadway } from '../support/process.ts';
import { withName } from '../support/server.ts';

describe('the reason why Headway cannot start is said in one line:', () => {
  const bad: [string, Record<string, string>, RegExp][] = [
    [
      'a setting that cannot be used',
      { HEADWAY_LEASE_SECONDS: '0' },
      /^headway: HEADWAY_LEASE_SECONDS: expected a whole number/,
    ],
    [
      'a database that is not there, without its password',
      { DATABASE_URL: 'postgresql://u:secret-word@localhost:1/none', HEADWAY_DATABASE_WAIT_SECONDS: '0' },
      /^headway: (?!.*secret-word).*localhost/,
    ],
  ];

  it.each(bad)('%s', async (_what, env, message) => {
    const { code, stderr } = await runHeadway(['serve'], env);

    expect(stderr.trim()).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(1);
  });

  it('a setting that cannot be used, before anything is made on the disk', async () => {
    const dataDir = path.join(await mkdtemp(path.join(os.tmpdir(), 'headway-start-')), 'data');

    const { code } = await runHeadway([], {
      HEADWAY_SLOTS: 'many',
      HEADWAY_DATA_DIR: dataDir,
      DATABASE_URL: '',
    });

    expect(code).toBe(1);
    await expect(access(dataDir)).rejects.toThrow('ENOENT');
  });

  it('a port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const database = await createTestDatabase();

    const { code, stderr } = await runHeadway([], { PORT: String(port), DATABASE_URL: database.url });

    server.close();
    await database.drop();
    expect(stderr.trim()).toMatch(/^headway: .*PORT/);
    expect(code).toBe(1);
  });

  it.each([
    ['a schema', 'GRANT CREATE ON SCHEMA public TO', /permission denied for database/],
    [
      'a table',
      'REVOKE CREATE ON SCHEMA public FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM',
      /for schema public/,
    ],
  ])('a role that may not create %s', async (_what, grant, message) => {
    const { url, drop } = await createEmptyDatabase();
    const role = `${new URL(url).pathname.slice(1)}_role`;
    await query(url, `CREATE ROLE ${role} LOGIN; ${grant} ${role}`);
    const restricted = new URL(url);
    restricted.username = role;

    const { code, stderr } = await runHeadway([], { DATABASE_URL: restricted.href, PORT: '0' });

    expect(stderr).toMatch(/^headway: .* lacks a right in .*GRANT CREATE.*\n$/);
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
    await drop();
    await query(inject('serverUrl'), `DROP ROLE ${role}`);
  });

  it('a role that may have too few connections', async () => {
    const { url, drop } = await createEmptyDatabase();
    const role = `${new URL(url).pathname.slice(1)}_role`;
    await query(url, `CREATE ROLE ${role} LOGIN CONNECTION LIMIT 5`);
    const limited = new URL(url);
    limited.username = role;

    const { code, stderr } = await runHeadway([], { DATABASE_URL: limited.href, PORT: '0' });

    expect(stderr).toMatch(
      /^headway: .* allows 5 connections, .* up to 22: raise the limit of the role.*\n$/,
    );
    expect(code).toBe(1);
    await drop();
    await query(inject('serverUrl'), `DROP ROLE ${role}`);
  });

  it('a database that is read-only, and a database in another encoding', async () => {
    const name = `${inject('databasePrefix')}_ascii`;
    await query(
      inject('serverUrl'),
      `CREATE DATABASE ${name} TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'`,
    );
    const ascii = withName(inject('serverUrl'), name);
    const readOnly = new URL(inject('serverUrl'));
    readOnly.searchParams.set('options', '-c default_transaction_read_only=on');

    const exits = await Promise.all(
      [readOnly.href, ascii].map((url) => runHeadway([], { DATABASE_URL: url, PORT: '0' })),
    );

    expect(exits.map(({ code }) => code)).toEqual([1, 1]);
    expect(exits.map(({ stderr }) => stderr)).toEqual([
      expect.stringMatching(/^headway: .* is read-only for .*\n$/),
      expect.stringMatching(/^headway: .* its encoding is SQL_ASCII, and Headway needs UTF8.*\n$/),
    ]);
  });

  it('a job file without a job', async () => {
    const database = await createTestDatabase();

    const env = { HEADWAY_JOBS_DIR: `${import.meta.dirname}/bad-jobs`, DATABASE_URL: database.url };
    const { code, stderr } = await runHeadway([], env);
    await database.drop();

    expect(stderr).toMatch(/^headway: .*bad\.job\.ts does not export a job/);
    expect(code).toBe(1);
  });

  it('a command that does not exist, followed by the help', async () => {
    const { code, stderr } = await runHeadway(['sreve']);

    expect(stderr).toContain('error:');
    expect(stderr).toContain('Usage: headway');
    expect(code).toBe(1);
  });
});

describe('the command line', () => {
  it('explains itself', async () => {
    const { code, stdout } = await runHeadway(['--help']);

    expect(stdout).toContain('serve');
    expect(stdout).toContain('migrate');
    expect(code).toBe(0);
  });

  it('migrates a database once, and says so', async () => {
    const database = await createEmptyDatabase();

    const first = await runHeadway(['migrate'], { DATABASE_URL: database.url });
    const second = await runHeadway(['migrate'], { DATABASE_URL: database.url });
    await database.drop();

    expect(first.stdout).toContain('Applied: 2026');
    expect(second.stdout).toContain('The database is up to date.');
    expect([first.code, second.code]).toEqual([0, 0]);
  });
});
