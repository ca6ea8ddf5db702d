import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { copyDataDir } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { addFinished } from '../support/finished.ts';
import { violations } from '../support/invariants.ts';
import { HeadwayProcess, pollUntil, postTask, runHeadway, startHeadway } from '../support/process.ts';
import { openStore } from '../support/service.ts';
import type { TaskBody } from '../support/task-states.ts';

const all = ['prune', '--older-than', '30d', '--yes'];

/** A database of the test's own, and the rows that are left in it. */
class Tasks implements AsyncDisposable {
  readonly env: Record<string, string>;
  readonly pool: pg.Pool;
  private readonly database: TestDatabase;

  private constructor(database: TestDatabase) {
    this.database = database;
    this.env = { DATABASE_URL: database.url };
    this.pool = new pg.Pool({ connectionString: database.url, max: 2 });
    this.pool.on('error', () => undefined);
  }

  static async create(): Promise<Tasks> {
    return new Tasks(await createTestDatabase());
  }

  async count(condition = 'TRUE'): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM task_state WHERE ${condition}`,
    );
    return rows[0]?.count ?? 0;
  }

  async violations(): Promise<unknown[]> {
    const store = await openStore(this.database.url);
    const found = await violations(store);
    await store.close();
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.end();
    await this.database.drop();
  }
}

describe('headway prune', () => {
  it('says in a dry run what it would delete, and deletes nothing', async () => {
    await using tasks = await Tasks.create();
    const [oldest = ''] = await addFinished(tasks.pool, { count: 1, status: 'failed', finishedDaysAgo: 90 });
    await addFinished(tasks.pool, { count: 1234, status: 'failed' });
    await addFinished(tasks.pool, { count: 3 });

    const args = ['prune', '--older-than', '30d', '--status', 'failed', '--type', 'noop', '--dry-run'];
    const { code, stdout, stderr } = await runHeadway(args, tasks.env);

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^1,235 tasks \(failed, of type noop, finished by \S+Z\), about \d+(\.\d)? kB: /);
    expect(stdout).toMatch(new RegExp(`^ {2}${oldest}  \\S+Z  failed  noop  Number 1$`, 'm'));
    expect(stdout.match(/^ {2}[0-9a-f-]{36} /gm)).toHaveLength(10);
    expect(stdout).toContain('nothing is deleted');
    expect(await tasks.count()).toBe(1238);
  });

  it('deletes 2,000 of 2,200 finished tasks while 20 run, and leaves the running tasks alone', async () => {
    await using tasks = await Tasks.create();
    const headway = await startHeadway({ ...tasks.env, HEADWAY_SLOTS: '20' });
    const input = { names: 24, stepMs: 250 };
    const running = await Promise.all(
      Array.from({ length: 20 }, () => postTask(headway.url, 'counts', input)),
    );
    await addFinished(tasks.pool, { count: 2_000 });
    await addFinished(tasks.pool, { count: 200, finishedDaysAgo: 2 });
    await eventually(async () => (await tasks.count(`status = 'running'`)) === 20);

    const { code, stdout, stderr } = await runHeadway(all, tasks.env);

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^2,000 tasks .*\nDeleted 2,000 tasks in \d/s);
    await eventually(async () => (await tasks.count(`status = 'succeeded'`)) === 220);
    const { rows } = await tasks.pool.query<{ id: string }>(
      `SELECT id FROM task_state WHERE type = 'counts' AND attempt = 1`,
    );
    expect(rows.map(({ id }) => id).sort()).toEqual(running.map(({ id }) => id).sort());
    headway.signal('SIGINT');
    await headway.exited;
    expect(await tasks.violations()).toEqual([]);
  });

  it('stops at Ctrl-C and says that tasks are left; may also be killed, and run again', async () => {
    await using tasks = await Tasks.create();
    await addFinished(tasks.pool, { count: 10_000 });
    await addFinished(tasks.pool, { count: 10, finishedDaysAgo: 2 });
    await slowDeletes(tasks.pool);
    const isUnderWay = async (countBefore: number) => (await tasks.count()) < countBefore;

    const first = new HeadwayProcess(all, tasks.env);
    await eventually(() => isUnderWay(10_010), { intervalMs: 5 });
    first.signal('SIGINT');
    const code = await first.exited;
    const leftByFirst = await tasks.count();

    expect(code).toBe(1);
    expect(first.stdout).toMatch(/^Deleted [\d,]+ tasks in /m);
    expect(first.stderr).toBe('headway: Stopped. Run the command again to delete the rest.\n');
    expect(leftByFirst).toBeGreaterThan(10);

    const second = new HeadwayProcess(all, tasks.env);
    await eventually(() => isUnderWay(leftByFirst), { intervalMs: 5 });
    second.signal('SIGKILL');
    await second.exited;
    const leftBySecond = await tasks.count();
    await tasks.pool.query('DROP TRIGGER linger ON task_state');
    const third = await runHeadway(all, tasks.env);

    expect(leftBySecond).toBeGreaterThan(10);
    expect(third.code).toBe(0);
    expect(third.stdout).toMatch(/^Deleted [\d,]+ tasks in /m);
    expect(await tasks.count()).toBe(10);
    expect(await tasks.violations()).toEqual([]);
  });

  it('deletes all finished tasks with 0s', async () => {
    await using tasks = await Tasks.create();
    await addFinished(tasks.pool, { count: 3, finishedDaysAgo: 0 });

    const { code } = await runHeadway(['prune', '--older-than', '0s', '--yes'], tasks.env);

    expect([code, await tasks.count()]).toEqual([0, 0]);
  });

  it('says in one line why it cannot work', async () => {
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

describe('headway prune refuses with code 2, and deletes nothing:', () => {
  let tasks: Tasks;

  beforeAll(async () => {
    tasks = await Tasks.create();
    await addFinished(tasks.pool, { count: 1 });
  });

  afterAll(() => tasks[Symbol.asyncDispose]());

  it.concurrent.each([
    ['nothing', [], /required option '--older-than <duration>' not specified.*Usage: headway prune/s],
    [
      'a duration of another kind',
      ['--older-than', '30 days'],
      /^headway: --older-than: "30 days" is not a duration: write 30d/,
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
  ])('%s', async (_what, args, message) => {
    const { code, stderr } = await runHeadway(['prune', ...args], tasks.env);

    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(await tasks.count()).toBe(1);
  });
});

it('headway prune works on the embedded database, with or without a running service, and leaves datasets alone', async () => {
  await using dataDir = await copyDataDir();
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
  // For up to one tick, polls are still answered from memory.
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

/** Makes each statement that deletes tasks slow, so that the test can act while a deletion is under way. */
async function slowDeletes(pool: pg.Pool): Promise<void> {
  await pool.query(`
    CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END'`);
  await pool.query(`
    CREATE TRIGGER linger AFTER DELETE ON task_state
    FOR EACH STATEMENT EXECUTE FUNCTION linger()`);
}
