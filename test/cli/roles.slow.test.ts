/** `headway serve --role`: API and worker processes that share one database. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from '../support/api.ts';
import { within } from '../support/calibration.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { pollUntil, postTask, runHeadway, startHeadway } from '../support/process.ts';
import { isFinished } from '../support/task-states.ts';

type Member = Awaited<ReturnType<typeof startHeadway>>;

describe('an API and a worker on one database', () => {
  let database: TestDatabase;
  let api: Member;
  let worker: Member;

  beforeAll(async () => {
    database = await createTestDatabase();
    [api, worker] = await Promise.all([startRole('api'), startRole('worker')]);
  });

  afterAll(async () => {
    for (const member of [api, worker]) member.signal('SIGTERM');
    await Promise.all([api.exited, worker.exited]);
    await database.drop();
  });

  const startRole = (role: string, env: Record<string, string> = {}) =>
    startHeadway({ DATABASE_URL: database.url, HEADWAY_LEASE_SECONDS: '3', ...env }, [
      'serve',
      '--role',
      role,
    ]);

  it('a task that the API accepts is run by the worker', async () => {
    const { id } = await postTask(api.url, 'noop', {});

    const task = await pollUntil(api.url, id, isFinished);

    expect(task).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(api.stdout).not.toContain('runnerPid');
    expect(worker.stdout).toContain('runnerPid');
  });

  it('a worker answers only requests for its health', async () => {
    const paths = ['/healthz', '/readyz', '/', '/tasks', '/assets/style.css'];

    const answers = await Promise.all(paths.map((path) => fetch(worker.url + path)));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 404, 404]);
    expect(answers[4]?.headers.get('content-type')).toContain('application/problem+json');
    expect(answers[0]?.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('a worker, also if the environment sets the role, tells its health to other machines without a key', async () => {
    const env = { DATABASE_URL: database.url, HEADWAY_ROLE: 'worker', HOST: '0.0.0.0', HEADWAY_RUNNERS: '0' };
    const open = await startHeadway(env);

    const port = Number(new URL(open.url).port);
    const request = 'HTTP/1.1\r\nHost: pod-7.example\r\nConnection: close\r\n\r\n';
    const [health, home] = await Promise.all([
      exchange(port, `GET /healthz ${request}`),
      exchange(port, `GET / ${request}`),
    ]);

    expect(health).toContain('{"status":"alive"}');
    expect(home).toMatch(/^HTTP\/1\.1 404 /);
    open.signal('SIGTERM');
    await open.exited;
  });

  it('an API alone puts the tasks of a dead worker back into the queue', async () => {
    const { id } = await postTask(api.url, 'counts', { names: 100, stepMs: 50 });
    await pollUntil(api.url, id, ({ done }) => (done ?? 0) > 2);

    process.kill(worker.runnerPid, 'SIGKILL');
    worker.signal('SIGKILL');
    await worker.exited;

    await pollUntil(api.url, id, ({ status }) => status === 'queued');
    worker = await startRole('worker');
    expect(await pollUntil(api.url, id, isFinished)).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('an idle API serves tasks and pages during its drain, until a second signal', async () => {
    const draining = await startRole('api', { HEADWAY_DRAIN_SECONDS: '60' });

    draining.signal('SIGTERM');
    const toldAt = performance.now();
    await eventually(async () => (await fetch(`${draining.url}/readyz`)).status === 503);
    const home = await fetch(draining.url);
    const { id } = await postTask(draining.url, 'noop', {});
    // A second signal that comes sooner counts as the first one, passed on by npm.
    await sleep(Math.max(0, 600 - (performance.now() - toldAt)));
    const code = await within(2_500, () => {
      draining.signal('SIGTERM');
      return draining.exited;
    });

    expect(home.status).toBe(200);
    expect(home.headers.get('connection')).toBe('close');
    expect(code).toBe(0);
    expect(await pollUntil(api.url, id, isFinished)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });
});

describe.concurrent('is refused in one line', () => {
  it('a part without a database that the other parts can reach', async () => {
    const { code, stderr } = await runHeadway(['serve', '--role', 'api'], { DATABASE_URL: '' });

    expect(stderr.trim()).toMatch(/^headway: DATABASE_URL: .*share/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(1);
  });

  it('a role that does not exist', async () => {
    const { stderr } = await runHeadway(['serve', '--role', 'boss']);

    expect(stderr).toContain('Allowed choices are all, api, worker');
  });
});
