/** Signals as they come when Headway was started by `npm start`: to npm alone, or to all that it started. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectDir } from '../../src/config.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { HeadwayProcess, isAlive, pollUntil, postTask } from '../support/process.ts';
import { administer } from '../support/server.ts';
import { testJobsFolder } from '../support/service.ts';

describe('npm start', () => {
  let database: TestDatabase;
  let npm: HeadwayProcess;
  let url: string;
  let pid: number;

  beforeEach(async () => {
    database = await createTestDatabase();
    const env = { PORT: '0', HEADWAY_JOBS_DIR: testJobsFolder, DATABASE_URL: database.url };
    npm = new HeadwayProcess([], env, { line: 'exec npm start', cwd: projectDir });
    url = await npm.ready();
    pid = Number(/"name":"headway","pid":(\d+)/.exec(npm.stdout)?.[1]);
  });

  afterEach(async () => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await database.drop();
  });

  const runForever = async () => {
    const { id } = await postTask(url, 'counts', { names: 2_000, stepMs: 50, ignoresSignal: true });
    await pollUntil(url, id, ({ done }) => (done ?? 0) > 2);
  };
  const readTasks = () =>
    administer(database.url, (client) => client.query('SELECT status, failures FROM task_state'));
  const hasEnded = () => eventually(() => !isAlive(pid));

  it('passes SIGTERM on, and ends with Headway', async () => {
    npm.signal('SIGTERM');
    await npm.exited;

    await hasEnded();
    expect(npm.stdout).toContain('SIGTERM: stopping, running tasks have 20 s');
  });

  it('a terminal that hangs up is a stop like another', async () => {
    npm.signalGroup('SIGHUP');
    // npm ends at once; this is the end of all that hold its output.
    await npm.exited;

    expect(npm.stdout).toContain('SIGHUP: stopping, running tasks have 20 s');
  });

  it('one Ctrl-C, which reaches everybody, is one: running tasks have their 3 s', async () => {
    await runForever();

    const stoppedAt = performance.now();
    npm.signalGroup('SIGINT');
    await npm.exited;

    const seconds = (performance.now() - stoppedAt) / 1000;
    await hasEnded();
    expect(npm.stdout).toContain('SIGINT: stopping, running tasks have 3 s');
    expect(seconds).toBeGreaterThan(2.9);
    expect(seconds).toBeLessThan(8);
    const { rows } = await readTasks();
    expect(rows).toEqual([{ status: 'queued', failures: 0 }]);
  });

  it('a second Ctrl-C ends it at once', async () => {
    await runForever();

    npm.signalGroup('SIGTERM');
    await eventually(() => npm.stdout.includes('SIGTERM: stopping'));
    await new Promise((resolve) => setTimeout(resolve, 600));
    const secondAt = performance.now();
    npm.signalGroup('SIGINT');
    await npm.exited;

    expect(performance.now() - secondAt).toBeLessThan(2_500);
    await hasEnded();
    const { rows } = await readTasks();
    expect(rows).toEqual([{ status: 'queued', failures: 0 }]);
  });
});
