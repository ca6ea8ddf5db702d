/** Signals when Headway was started by `npm start`: they go to npm alone, or to npm and all its processes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { projectDir } from '../../src/config.ts';
import { timed, within } from '../support/calibration.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { HeadwayProcess, isAlive, pollUntil, postTask } from '../support/process.ts';
import { administer } from '../support/server.ts';
import { testJobsFolder } from '../support/service.ts';

class NpmStart implements AsyncDisposable {
  readonly npm: HeadwayProcess;
  private readonly database: TestDatabase;
  private readonly url: string;
  /** The pid of Headway. */
  private readonly pid: number;

  private constructor(npm: HeadwayProcess, database: TestDatabase, url: string) {
    this.npm = npm;
    this.database = database;
    this.url = url;
    this.pid = Number(/"name":"headway","pid":(\d+)/.exec(npm.stdout)?.[1]);
  }

  static async run(): Promise<NpmStart> {
    const database = await createTestDatabase();
    const env = { PORT: '0', HEADWAY_JOBS_DIR: testJobsFolder, DATABASE_URL: database.url };
    const npm = new HeadwayProcess([], env, { line: 'exec npm start', cwd: projectDir });
    return new NpmStart(npm, database, await npm.ready());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (isAlive(this.pid)) process.kill(this.pid, 'SIGKILL');
    await this.npm.exited;
    await this.database.drop();
  }

  async runTaskForever(): Promise<void> {
    const { id } = await postTask(this.url, 'counts', { names: 2_000, stepMs: 50, ignoresSignal: true });
    await pollUntil(this.url, id, ({ done }) => (done ?? 0) > 2);
  }

  async tasks(): Promise<unknown[]> {
    const read = 'SELECT status, failures FROM task_state';
    return (await administer(this.database.url, (client) => client.query(read))).rows;
  }

  readonly headwayEnded = () => eventually(() => !isAlive(this.pid));
}

// The tests run side by side, because most of their time is the start of npm.
describe.concurrent('npm start', () => {
  it('passes SIGTERM on, and ends with Headway', async () => {
    await using started = await NpmStart.run();

    started.npm.signal('SIGTERM');
    await started.npm.exited;

    await started.headwayEnded();
    expect(started.npm.stdout).toContain('SIGTERM: stopping, running tasks have 20 s');
  });

  it('stops Headway as usual when the terminal hangs up', async () => {
    await using started = await NpmStart.run();

    started.npm.signalGroup('SIGHUP');
    // npm itself ends at once. `exited` resolves when all processes that hold its output have ended.
    await started.npm.exited;

    expect(started.npm.stdout).toContain('SIGHUP: stopping, running tasks have 20 s');
  });

  it('counts one Ctrl-C, which reaches npm and Headway, as one signal: running tasks get their 3 s', async () => {
    await using started = await NpmStart.run();
    await started.runTaskForever();

    const { ms, allowanceMs } = await timed(() => {
      started.npm.signalGroup('SIGINT');
      return started.npm.exited;
    });

    await started.headwayEnded();
    expect(started.npm.stdout).toContain('SIGINT: stopping, running tasks have 3 s');
    expect(ms).toBeGreaterThan(2_900);
    expect(ms).toBeLessThan(8_000 + allowanceMs);
    expect(await started.tasks()).toEqual([{ status: 'queued', failures: 0 }]);
  });

  it('ends at once at a second Ctrl-C', async () => {
    await using started = await NpmStart.run();
    await started.runTaskForever();

    started.npm.signalGroup('SIGTERM');
    await eventually(() => started.npm.stdout.includes('SIGTERM: stopping'));
    await sleep(600);
    await within(2_500, () => {
      started.npm.signalGroup('SIGINT');
      return started.npm.exited;
    });

    await started.headwayEnded();
    expect(await started.tasks()).toEqual([{ status: 'queued', failures: 0 }]);
  });
});
