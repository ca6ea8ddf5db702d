import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { makeDataDir } from '../support/embedded.ts';
import { runHeadway } from '../support/process.ts';

describe('what keeps Headway from starting is said in one line', () => {
  const bad: [string, Record<string, string>, RegExp][] = [
    [
      'a port that is no number',
      { PORT: 'http' },
      /^headway: PORT: expected a whole number from 0 to 65535$/,
    ],
    [
      'a database URL of another kind',
      { DATABASE_URL: 'mysql://x' },
      /^headway: DATABASE_URL: expected a PostgreSQL URL/,
    ],
    ['an address that others reach, without keys', { HOST: '0.0.0.0' }, /^headway: HOST: .*HEADWAY_API_KEYS/],
    ['a key that is too short', { HEADWAY_API_KEYS: 'short' }, /^headway: HEADWAY_API_KEYS: .*16/],
    ['a lease of nothing', { HEADWAY_LEASE_SECONDS: '0' }, /^headway: HEADWAY_LEASE_SECONDS: /],
    ['slots of half a task', { HEADWAY_SLOTS: '1.5' }, /^headway: HEADWAY_SLOTS: /],
    [
      'an unknown log level',
      { HEADWAY_LOG_LEVEL: 'loud' },
      /^headway: HEADWAY_LOG_LEVEL: expected one of fatal/,
    ],
    [
      'a database that is not there',
      { DATABASE_URL: 'postgresql://localhost:1/none', HEADWAY_DATABASE_WAIT_SECONDS: '0' },
      /^headway: .*localhost/,
    ],
    [
      'a password in a message',
      { DATABASE_URL: 'postgresql://u:secret-word@localhost:1/none', HEADWAY_DATABASE_WAIT_SECONDS: '0' },
      /^(?!.*secret-word)headway: /,
    ],
  ];

  it.each(bad)('%s', async (_what, env, message) => {
    const { code, stderr } = await runHeadway(['serve'], env);

    expect(stderr.trim()).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(1);
  });

  it('a port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await using dataDir = await makeDataDir();

    const { code, stderr } = await runHeadway([], { PORT: String(port), HEADWAY_DATA_DIR: dataDir.path });

    server.close();
    expect(stderr.trim()).toMatch(/^headway: .*PORT/);
    expect(code).toBe(1);
  });

  it('a job file without a job', async () => {
    await using dataDir = await makeDataDir();

    const env = { HEADWAY_JOBS_DIR: `${import.meta.dirname}/bad-jobs`, HEADWAY_DATA_DIR: dataDir.path };
    const { code, stderr } = await runHeadway([], env);

    expect(stderr).toMatch(/^headway: .*bad\.job\.ts does not export a job/);
    expect(code).toBe(1);
  });

  it('a command that does not exist, with the help', async () => {
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

  it('migrates a database and says so, once', async () => {
    await using dataDir = await makeDataDir();

    const first = await runHeadway(['migrate'], { HEADWAY_DATA_DIR: dataDir.path });
    const second = await runHeadway(['migrate'], { HEADWAY_DATA_DIR: dataDir.path });

    expect(first.stdout).toContain('Applied: 2026');
    expect(second.stdout).toContain('The database is up to date.');
    expect([first.code, second.code]).toEqual([0, 0]);
  });
});
