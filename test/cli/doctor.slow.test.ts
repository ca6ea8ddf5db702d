import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { query } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { addFinished } from '../support/finished.ts';
import { postTask, runHeadway, startHeadway } from '../support/process.ts';
import { openStore } from '../support/service.ts';

describe('headway doctor', () => {
  let database: TestDatabase;
  let env: Record<string, string>;

  beforeEach(async () => {
    database = await createTestDatabase();
    env = { DATABASE_URL: database.url, HEADWAY_LEASE_SECONDS: '3' };
  });

  afterEach(() => database.drop());

  /** Leaves a finished task without its result. */
  async function breakOne() {
    const store = await openStore(database.url);
    const [finished = ''] = await addFinished(store.db.pool, { count: 1, expireInDays: 1 });
    await store.close();
    await query(database.url, `UPDATE task_state SET result = NULL WHERE id = '${finished}'`);
    return finished;
  }

  it('finds nothing wrong beside a service at work', async () => {
    const headway = await startHeadway(env);
    await Promise.all(
      Array.from({ length: 20 }, () => postTask(headway.url, 'counts', { names: 100, stepMs: 100 })),
    );

    const { code, stdout, stderr } = await runHeadway(['doctor'], env);

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Tasks {5}10 queued, 10 running, about \d+ in all \(all were read\)$/m);
    expect(stdout).toMatch(/^Workers {3}1 worker alive, 10 slots$/m);
    expect(stdout).toMatch(/^Parents {3}at least one runs/m);
    expect(stdout.trimEnd().endsWith('Nothing is wrong.')).toBe(true);
    headway.signal('SIGINT');
    await headway.exited;
  });

  it('says what died with the service, until it is back', async () => {
    const first = await startHeadway(env);
    await postTask(first.url, 'counts', { names: 40, stepMs: 100 });
    await eventually(
      async () => (await query(database.url, `SELECT FROM task_state WHERE status = 'running'`)).length > 0,
    );
    process.kill(first.runnerPid, 'SIGKILL');
    first.signal('SIGKILL');
    await first.exited;

    const dead = await eventually(
      async () => {
        const exit = await runHeadway(['doctor', '--json'], env);
        return exit.stdout.includes('silent-worker') ? exit : undefined;
      },
      { intervalMs: 500 },
    );
    const { findings } = JSON.parse(dead.stdout) as { findings: { check: string; count: number }[] };
    expect(findings).toMatchObject([
      { check: 'no-parent', count: 1 },
      { check: 'silent-worker', count: 1 },
    ]);
    expect(dead.code).toBe(1);

    const second = await startHeadway(env);
    await eventually(async () => (await runHeadway(['doctor'], env)).code === 0);
    second.signal('SIGINT');
    await second.exited;
  });

  it('tells people of each finding, with code 1', async () => {
    const finished = await breakOne();

    const { code, stdout } = await runHeadway(['doctor'], env);

    expect(code).toBe(1);
    expect(stdout).toContain('! A success has no result, or an error\n');
    expect(stdout).toContain(`    ${finished}\n  Meaning:   `);
    expect(stdout).toMatch(/\n {2}Repair: {4}\S.*\n {2}Otherwise: \S/);
    expect(stdout.trimEnd().endsWith('1 finding.')).toBe(true);
  });

  it('changes nothing', async () => {
    await breakOne();
    const rows = () => query(database.url, 'SELECT task_state::text FROM task_state');
    const before = await rows();

    await runHeadway(['doctor', '--thorough'], env);

    expect(await rows()).toEqual(before);
  });

  it('says that there is no database, also in JSON', async () => {
    const { code, stdout } = await runHeadway(['doctor', '--json'], {
      DATABASE_URL: 'postgresql://localhost:1/none',
    });

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      isHealthy: false,
      findings: [{ check: 'database-unreachable' }],
    });
  });

  it('refuses what it does not know with code 2', async () => {
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
