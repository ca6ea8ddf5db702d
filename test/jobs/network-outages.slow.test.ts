/**
 * A whole service behind a network that fails: jobs go on, readiness tells the truth, the log stays readable.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { within } from '../support/calibration.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { ForgetfulProxy } from '../support/forgetful-proxy.ts';
import { pollUntil, postTask, startHeadway } from '../support/process.ts';
import { isFinished, isUnderWay } from '../support/task-states.ts';

const leaseSeconds = 3;
/** Long enough for every lease to lapse. */
const outageMs = (leaseSeconds + 2) * 1000;

class Scene implements AsyncDisposable {
  readonly proxy: ForgetfulProxy;
  readonly headway: Awaited<ReturnType<typeof startHeadway>>;
  private readonly database: TestDatabase;

  private constructor(database: TestDatabase, proxy: ForgetfulProxy, headway: Scene['headway']) {
    this.database = database;
    this.proxy = proxy;
    this.headway = headway;
  }

  static async set(): Promise<Scene> {
    const database = await createTestDatabase();
    const proxy = await ForgetfulProxy.start(database.url);
    const env = { DATABASE_URL: proxy.url, HEADWAY_LEASE_SECONDS: String(leaseSeconds) };
    return new Scene(database, proxy, await startHeadway(env));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.headway.signal('SIGKILL');
    await this.headway.exited;
    await this.proxy[Symbol.asyncDispose]();
    await this.database.drop();
  }

  readonly readyz = async () => (await fetch(`${this.headway.url}/readyz`)).status;

  async startJob(): Promise<string> {
    const { id } = await postTask(this.headway.url, 'counts', { names: 80, stepMs: 50 });
    await pollUntil(this.headway.url, id, isUnderWay);
    return id;
  }

  /** The messages of the log at warn and above, and those that report the end of an outage. */
  said(): Map<string, string[]> {
    const lines = this.headway.stdout.split('\n').filter((line) => line.startsWith('{'));
    const told = lines.map((line) => JSON.parse(line) as { level: number; name: string; msg: string });
    const loud = told.filter(({ level, msg }) => level >= 40 || msg === 'PostgreSQL is back');
    return Map.groupBy(
      loud.map(({ name, msg }) => `${name}: ${msg}`),
      (line) => line,
    );
  }
}

// Each test has its own service, because the log is silent about an outage soon after another one.
describe.concurrent('a service behind a network', () => {
  it('that forgets every connection goes on within 6 s, and attempts are not disturbed', async () => {
    await using scene = await Scene.set();
    const { headway, proxy, readyz } = scene;
    const id = await scene.startJob();

    await within(6_000, async () => {
      proxy.forget();
      const next = await eventually(() => postTask(headway.url, 'noop', null).catch(() => undefined));
      await pollUntil(headway.url, next.id, isFinished);
    });

    expect(await readyz()).toBe(200);
    const task = await pollUntil(headway.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
  });

  it.each(['down', 'refuse'] as const)(
    'that fails for longer than the lease (%s): the same attempt goes on, and is ready within 5 s',
    async (fail) => {
      await using scene = await Scene.set();
      const { headway, proxy, readyz } = scene;
      const id = await scene.startJob();

      proxy[fail]();
      await eventually(async () => (await readyz()) === 503);
      const during = await within(2_500, () => Promise.all(Array.from({ length: 20 }, readyz)));
      const alive = await fetch(`${headway.url}/healthz`);
      await sleep(outageMs);
      await within(5_500, async () => {
        proxy.up();
        await eventually(async () => (await readyz()) === 200);
      });

      expect(during).toEqual(during.map(() => 503));
      expect(alive.status).toBe(200);
      const task = await pollUntil(headway.url, id, isFinished);
      expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
      await eventually(() => scene.said().has('runner: PostgreSQL is back'));
      const counts = Object.fromEntries([...scene.said()].map(([line, lines]) => [line, lines.length]));
      expect(counts).toMatchObject({
        'headway: PostgreSQL is away: work that needs it waits': 1,
        'headway: PostgreSQL is back': 1,
        'runner: PostgreSQL is away: work that needs it waits': 1,
        'runner: PostgreSQL is back': 1,
      });
      expect(Math.max(...Object.values(counts))).toBeLessThanOrEqual(3);
      expect(Object.keys(counts).length).toBeLessThanOrEqual(8);
      expect(headway.stdout).toMatch(/"awaySeconds":\d+(\.\d)?,"msg":"PostgreSQL is back"/);
    },
  );
});
