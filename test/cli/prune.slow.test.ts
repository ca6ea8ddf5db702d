import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { makeDataDir } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { addFinished } from '../support/finished.ts';
import { violations } from '../support/invariants.ts';
import {
  HeadwayProcess,
  pollUntil,
  postTask,
  runHeadway,
  startHeadway,
  type TaskBody,
} from '../support/process.ts';
import { openStore } from '../support/service.ts';

describe('headway prune', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  let env: Record<string, string>;

  beforeEach(async () => {
    database = await createTestDatabase();
    pool = new pg.Pool({ connectionString: database.url, max: 2 });
    pool.on('error', () => undefined);
    env = { DATABASE_URL: database.url };
  });

  afterEach(async () => {
    await pool.end();
    await database.drop();
  });

  const tasks = async (condition = 'TRUE') => {
    const { rows } = await pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM task_state WHERE ${condition}`,
    );
    return rows[0]?.count ?? 0;
  };

  async function allViolations() {
    const store = await openStore(database.url);
    const found = await violations(store);
    await store.close();
    return found;
  }

  it('says what it would delete, and deletes nothing in a dry run', async () => {
    const [oldest = ''] = await addFinished(pool, { count: 1, status: 'failed', finishedDaysAgo: 90 });
    await addFinished(pool, { count: 1234, status: 'failed' });
    await addFinished(pool, { count: 3 });

    const args = ['prune', '--older-than', '30d', '--status', 'failed', '--type', 'noop', '--dry-run'];
    const { code, stdout, stderr } = await runHeadway(args, env);

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^1,235 tasks \(failed, of type noop, finished by \S+Z\), about \d+(\.\d)? kB: /);
    expect(stdout).toMatch(new RegExp(`^ {2}${oldest}  \\S+Z  failed  noop  Number 1$`, 'm'));
    expect(stdout.match(/^ {2}[0-9a-f-]{36} /gm)).toHaveLength(10);
    expect(stdout).toContain('nothing is deleted');
    expect(await tasks()).toBe(1238);
  });

  it('leaves running tasks alone: 10,000 of 11,000 finished go while 100 run', {
    timeout: 120_000,
  }, async () => {
    const headway = await startHeadway({ ...env, HEADWAY_SLOTS: '100' });
    const input = { names: 40, stepMs: 250 };
    const running = await Promise.all(
      Array.from({ length: 100 }, () => postTask(headway.url, 'counts', input)),
    );
    await addFinished(pool, { count: 10_000 });
    await addFinished(pool, { count: 1_000, finishedDaysAgo: 2 });
    await eventually(async () => (await tasks(`status = 'running'`)) === 100);

    const { code, stdout, stderr } = await runHeadway(['prune', '--older-than', '30d', '--yes'], env);

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^10,000 tasks .*\nDeleted 10,000 tasks in \d/s);
    await eventually(async () => (await tasks(`status = 'succeeded'`)) === 1_100);
    const { rows } = await pool.query<{ id: string }>(
      `SELECT id FROM task_state WHERE type = 'counts' AND attempt = 1`,
    );
    expect(rows.map(({ id }) => id).sort()).toEqual(running.map(({ id }) => id).sort());
    headway.signal('SIGINT');
    await headway.exited;
    expect(await allViolations()).toEqual([]);
  });

  it('may be killed in the midst of it and run again', async () => {
    await addFinished(pool, { count: 60_000 });
    await addFinished(pool, { count: 10, finishedDaysAgo: 2 });

    const first = new HeadwayProcess(['prune', '--older-than', '30d', '--yes'], env);
    await eventually(async () => (await tasks()) < 50_000, { intervalMs: 5 });
    first.signal('SIGKILL');
    await first.exited;
    const left = await tasks();
    const { code, stdout } = await runHeadway(['prune', '--older-than', '30d', '--yes'], env);

    expect(left).toBeGreaterThan(10);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Deleted [\d,]+ tasks in /m);
    expect(await tasks()).toBe(10);
    expect(await allViolations()).toEqual([]);
  });

  it('stops at Ctrl-C and says that there is more', async () => {
    await addFinished(pool, { count: 60_000 });

    const headway = new HeadwayProcess(['prune', '--older-than', '30d', '--yes'], env);
    await eventually(async () => (await tasks()) < 60_000, { intervalMs: 5 });
    headway.signal('SIGINT');
    const code = await headway.exited;

    expect(code).toBe(1);
    expect(headway.stdout).toMatch(/^Deleted [\d,]+ tasks in /m);
    expect(headway.stderr).toBe('headway: Stopped. Run it again to delete the rest.\n');
    expect(await tasks()).toBeGreaterThan(0);
  });

  it.each([
    ['nothing', [], /required option '--older-than <duration>' not specified.*Usage: headway prune/s],
    [
      'a duration of another kind',
      ['--older-than', '30 days'],
      /^headway: --older-than: "30 days" is no duration: write 30d/,
    ],
    [
      'tasks that have not finished',
      ['--older-than', '1d', '--status', 'running'],
      /^headway: --status: expected succeeded, failed or cancelled, not "running"/,
    ],
    ['a type that no job may have', ['--older-than', '1d', '--type', 'A B'], /^headway: --type: /],
    ['a group without a name', ['--older-than', '1d', '--group', ''], /^headway: --group: /],
    ['an option that there is not', ['--older-than', '1d', '--force'], /unknown option '--force'/],
    ['a deletion, with nobody there to be asked', ['--older-than', '1d'], /--yes .* --dry-run/],
  ])('refuses %s with code 2, and deletes nothing', async (_what, args, message) => {
    await addFinished(pool, { count: 1 });

    const { code, stderr } = await runHeadway(['prune', ...args], env);

    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(await tasks()).toBe(1);
  });

  it('takes 0s for whatever has finished', async () => {
    await addFinished(pool, { count: 3, finishedDaysAgo: 0 });

    const { code } = await runHeadway(['prune', '--older-than', '0s', '--yes'], env);

    expect([code, await tasks()]).toEqual([0, 0]);
  });

  it('says in a line why it cannot', async () => {
    const { code, stderr } = await runHeadway(['prune', '--older-than', '1d', '--yes'], {
      DATABASE_URL: 'postgresql://u:secret-word@localhost:1/none',
    });

    expect(code).toBe(1);
    expect(stderr.trim()).toMatch(/^headway: (?!.*secret-word).*localhost.*$/);
  });

  it('explains itself', async () => {
    const { code, stdout } = await runHeadway(['prune', '--help']);

    expect(code).toBe(0);
    for (const word of [
      '--older-than',
      '--status',
      '--type',
      '--group',
      '--dry-run',
      '--yes',
      'P1Y2M',
      'Exit codes',
    ])
      expect(stdout).toContain(word);
  });
});

it('headway prune works on the embedded database, beside the service and without it, and leaves datasets', {
  timeout: 90_000,
}, async () => {
  await using dataDir = await makeDataDir();
  const env = { HEADWAY_DATA_DIR: dataDir.path };
  const headway = await startHeadway(env);
  const response = await fetch(`${headway.url}/tasks/csv-import?dataset=people`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: 'name\nAda\nGrace\n',
  });
  const { id } = (await response.json()) as TaskBody;
  const { result } = await pollUntil(headway.url, id, ({ status }) => status === 'succeeded');
  const prune = ['prune', '--older-than', '0s', '--yes'];

  const look = await runHeadway([...prune, '--dry-run'], env);
  const beside = await runHeadway(prune, env);
  // A poll is answered from memory for up to a tick.
  await eventually(async () => (await fetch(`${headway.url}/tasks/${id}`)).status === 404);
  const dataset = await fetch(`${headway.url}/datasets/${result?.datasetId}`);
  const doctor = await runHeadway(['doctor', '--thorough'], env);
  headway.signal('SIGINT');
  await headway.exited;
  const without = await runHeadway(prune, env);

  expect(look.stdout).toMatch(/^1 task .*, 15 bytes in 1 file\.$/m);
  expect(beside.stdout).toContain('Deleted 1 task in ');
  expect(await dataset.json()).toMatchObject({ name: 'people', rows: [{ name: 'Ada' }, { name: 'Grace' }] });
  expect(without.stdout).toMatch(/^0 tasks /);
  expect([beside.code, doctor.code, without.code]).toEqual([0, 0, 0]);
});
