import { describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { query } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { addFinished } from '../support/finished.ts';
import { postTask, runHeadway, startHeadway } from '../support/process.ts';
import { openStore } from '../support/service.ts';

describe('headway doctor', () => {
  it('finds nothing wrong while a service works, and names what is wrong from its death until it is back', async () => {
    const database = await createTestDatabase();
    const env = { DATABASE_URL: database.url, HEADWAY_LEASE_SECONDS: '3' };
    const first = await startHeadway(env);
    const input = { names: 100, stepMs: 100 };
    await Promise.all(Array.from({ length: 20 }, () => postTask(first.url, 'counts', input)));
    await eventually(
      async () =>
        (await query(database.url, `SELECT FROM task_state WHERE status = 'running'`)).length === 10,
    );

    const { code, stdout, stderr } = await runHeadway(['doctor'], env);

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Tasks {5}10 queued, 10 running, about \d+ in all \(all were read\)$/m);
    expect(stdout).toMatch(/^Workers {3}1 worker alive, 10 slots$/m);
    expect(stdout).toMatch(/^Parents {3}at least one runs/m);
    expect(stdout.trimEnd().endsWith('Nothing is wrong.')).toBe(true);

    process.kill(first.runnerPid, 'SIGKILL');
    first.signal('SIGKILL');
    await first.exited;

    const dead = await eventually(
      async () => {
        const exit = await runHeadway(['doctor', '--json'], env);
        return exit.stdout.includes('silent-worker') ? exit : undefined;
      },
      { intervalMs: 2_000 },
    );
    const { findings } = JSON.parse(dead.stdout) as { findings: { check: string; count: number }[] };
    expect(findings.filter(({ check }) => check !== 'no-worker')).toMatchObject([
      { check: 'no-parent', count: 20 },
      { check: 'silent-worker', count: 1 },
    ]);
    expect(dead.code).toBe(1);

    const second = await startHeadway(env);
    await eventually(async () => (await runHeadway(['doctor'], env)).code === 0, { intervalMs: 500 });
    second.signal('SIGKILL');
    await second.exited;
    await database.drop();
  });

  it('prints each finding, exits with code 1, and changes nothing', async () => {
    const database = await createTestDatabase();
    const env = { DATABASE_URL: database.url };
    const store = await openStore(database.url);
    const [finished = ''] = await addFinished(store.db.pool, { count: 1, expireInDays: 1 });
    await store.close();
    await query(database.url, `UPDATE task_state SET result = NULL WHERE id = '${finished}'`);
    const rows = () => query(database.url, 'SELECT task_state::text FROM task_state');
    const before = await rows();

    const { code, stdout } = await runHeadway(['doctor', '--thorough'], env);

    expect(code).toBe(1);
    expect(stdout).toContain('! A succeeded task has no result, or has an error\n');
    expect(stdout).toContain(`    ${finished}\n  Meaning:   `);
    expect(stdout).toMatch(/\n {2}Repair: {4}\S.*\n {2}Otherwise: \S/);
    expect(stdout.trimEnd().endsWith('1 finding.')).toBe(true);
    expect(await rows()).toEqual(before);
    await database.drop();
  });

  it('says that it cannot reach the database, also in JSON', async () => {
    const { code, stdout } = await runHeadway(['doctor', '--json'], {
      DATABASE_URL: 'postgresql://localhost:1/none',
    });

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      isHealthy: false,
      findings: [{ check: 'database-unreachable' }],
    });
  });

  it('refuses an unknown option with code 2', async () => {
    const { code, stderr } = await runHeadway(['doctor', '--fix']);

    expect(code).toBe(2);
    expect(stderr).toContain("unknown option '--fix'");
  });

  it('explains itself', async () => {
    const { code, stdout } = await runHeadway(['doctor', '--help']);

    expect(code).toBe(0);
    for (const word of ['--thorough', '--json', 'Exit codes', 'HEADWAY_LEASE_SECONDS'])
      expect(stdout).toContain(word);
  });
});
