/** A whole service behind a network that fails: jobs go on, readiness tells the truth, the log stays readable. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { ForgetfulProxy } from '../support/forgetful-proxy.ts';
import { pollUntil, postTask, startHeadway, type TaskBody } from '../support/process.ts';

const leaseSeconds = 3;
const isFinished = ({ finishedAt }: TaskBody) => finishedAt !== null;
const isUnderWay = ({ status, done }: TaskBody) => status === 'running' && (done ?? 0) > 0;

describe('a service behind a network', () => {
  let database: TestDatabase;
  let proxy: ForgetfulProxy;
  let headway: Awaited<ReturnType<typeof startHeadway>>;

  beforeEach(async () => {
    database = await createTestDatabase();
    proxy = await ForgetfulProxy.start(database.url);
    headway = await startHeadway({ DATABASE_URL: proxy.url, HEADWAY_LEASE_SECONDS: String(leaseSeconds) });
  });

  afterEach(async () => {
    headway.signal('SIGKILL');
    await headway.exited;
    await proxy[Symbol.asyncDispose]();
    await database.drop();
  });

  async function readyz(): Promise<{ status: number; ms: number }> {
    const began = performance.now();
    const { status } = await fetch(`${headway.url}/readyz`);
    return { status, ms: performance.now() - began };
  }

  /** Lines of the log at warn and above, and those that say that all is well again, by what they say. */
  function said(): Map<string, string[]> {
    const lines = headway.stdout.split('\n').filter((line) => line.startsWith('{'));
    const told = lines.map((line) => JSON.parse(line) as { level: number; name: string; msg: string });
    const loud = told.filter(({ level, msg }) => level >= 40 || msg === 'PostgreSQL is back');
    return Map.groupBy(
      loud.map(({ name, msg }) => `${name}: ${msg}`),
      (line) => line,
    );
  }

  it('that forgets every connection goes on within 6 s, attempts undisturbed', async () => {
    const { id } = await postTask(headway.url, 'counts', { names: 150, stepMs: 50 });
    await pollUntil(headway.url, id, isUnderWay);

    proxy.forget();
    const began = performance.now();
    const next = await eventually(() => postTask(headway.url, 'noop', null).catch(() => undefined));
    await pollUntil(headway.url, next.id, isFinished);
    const ms = performance.now() - began;

    expect(ms).toBeLessThan(6_000);
    expect((await readyz()).status).toBe(200);
    const task = await pollUntil(headway.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
  });

  it.each(['down', 'refuse'] as const)(
    'that fails for four leases (%s): the same attempt goes on, and is ready within 5 s',
    async (fail) => {
      const { id } = await postTask(headway.url, 'counts', { names: 150, stepMs: 50 });
      await pollUntil(headway.url, id, isUnderWay);

      proxy[fail]();
      await eventually(async () => (await readyz()).status === 503);
      const during = await Promise.all(Array.from({ length: 20 }, readyz));
      const alive = await fetch(`${headway.url}/healthz`);
      await sleep(4 * leaseSeconds * 1000);
      proxy.up();
      const upMs = performance.now();
      await eventually(async () => (await readyz()).status === 200);
      const readyMs = performance.now() - upMs;

      expect(during.map(({ status }) => status)).toEqual(during.map(() => 503));
      expect(Math.max(...during.map(({ ms }) => ms))).toBeLessThan(2_500);
      expect(alive.status).toBe(200);
      expect(readyMs).toBeLessThan(5_500);
      const task = await pollUntil(headway.url, id, isFinished);
      expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
      await eventually(() => said().has('runner: PostgreSQL is back'));
      const counts = Object.fromEntries([...said()].map(([line, lines]) => [line, lines.length]));
      expect(counts).toMatchObject({
        'headway: PostgreSQL is away: what needs it waits': 1,
        'headway: PostgreSQL is back': 1,
        'runner: PostgreSQL is away: what needs it waits': 1,
        'runner: PostgreSQL is back': 1,
      });
      expect(Math.max(...Object.values(counts))).toBeLessThanOrEqual(3);
      expect(Object.keys(counts).length).toBeLessThanOrEqual(8);
      expect(headway.stdout).toMatch(/"awaySeconds":\d+(\.\d)?,"msg":"PostgreSQL is back"/);
    },
  );
});
