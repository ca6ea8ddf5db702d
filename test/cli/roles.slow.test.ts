/** `headway serve --role`: API and worker processes that share one database. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from '../support/api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { isFinished, pollUntil, postTask, runHeadway, startHeadway } from '../support/process.ts';

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

  it('what one takes the other runs', async () => {
    const { id } = await postTask(api.url, 'noop', {});

    const task = await pollUntil(api.url, id, isFinished);

    expect(task).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(api.stdout).not.toContain('runnerPid');
    expect(worker.stdout).toContain('runnerPid');
  });

  it('a worker serves its health, and nothing else', async () => {
    const paths = ['/healthz', '/readyz', '/', '/tasks', '/assets/style.css'];

    const answers = await Promise.all(paths.map((path) => fetch(worker.url + path)));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 404, 404]);
    expect(answers[4]?.headers.get('content-type')).toContain('application/problem+json');
    expect(answers[0]?.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('a worker may be asked for its health from elsewhere, without keys', async () => {
    const open = await startRole('worker', { HOST: '0.0.0.0', HEADWAY_RUNNERS: '0' });

    const port = Number(new URL(open.url).port);
    const answer = await exchange(
      port,
      'GET /healthz HTTP/1.1\r\nHost: pod-7.example\r\nConnection: close\r\n\r\n',
    );

    expect(answer).toContain('{"status":"alive"}');
    open.signal('SIGTERM');
    await open.exited;
  });

  it('an API alone moves on what a dead worker has left', async () => {
    const { id } = await postTask(api.url, 'counts', { names: 100, stepMs: 50 });
    await pollUntil(api.url, id, ({ done }) => (done ?? 0) > 2);

    process.kill(worker.runnerPid, 'SIGKILL');
    worker.signal('SIGKILL');
    await worker.exited;

    await pollUntil(api.url, id, ({ status }) => status === 'queued');
    worker = await startRole('worker');
    expect(await pollUntil(api.url, id, isFinished)).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('the role may come from the environment', async () => {
    const fromEnv = await startHeadway({ DATABASE_URL: database.url, HEADWAY_ROLE: 'worker' });

    const response = await fetch(fromEnv.url);

    expect(response.status).toBe(404);
    fromEnv.signal('SIGTERM');
    await fromEnv.exited;
  });

  it('a second signal ends a drain at once', async () => {
    const draining = await startRole('api', { HEADWAY_DRAIN_SECONDS: '60' });
    draining.signal('SIGTERM');
    await eventually(async () => (await fetch(`${draining.url}/readyz`)).status === 503);
    // Sooner, it would be taken for the same signal passed on by npm.
    await new Promise((resolve) => setTimeout(resolve, 600));

    const secondAt = performance.now();
    draining.signal('SIGTERM');
    const code = await draining.exited;

    expect(code).toBe(0);
    expect(performance.now() - secondAt).toBeLessThan(2_500);
  });

  it('during the drain of an API that is idle, pages are served, and it says that it is not ready', async () => {
    const draining = await startRole('api', { HEADWAY_DRAIN_SECONDS: '3' });

    draining.signal('SIGTERM');
    await eventually(async () => (await fetch(`${draining.url}/readyz`)).status === 503);
    const home = await fetch(draining.url);
    const { id } = await postTask(draining.url, 'noop', {});
    await draining.exited;

    expect(home.status).toBe(200);
    expect(home.headers.get('connection')).toBe('close');
    expect(await pollUntil(api.url, id, isFinished)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });
});

describe('is refused in one line', () => {
  it.each(['api', 'worker'])('a part (%s) without a database that the others can reach', async (role) => {
    const { code, stderr } = await runHeadway(['serve', '--role', role], { DATABASE_URL: '' });

    expect(stderr.trim()).toMatch(/^headway: DATABASE_URL: .*share/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(1);
  });

  it('a role that there is not', async () => {
    const { stderr } = await runHeadway(['serve'], { HEADWAY_ROLE: 'boss' });
    const option = await runHeadway(['serve', '--role', 'boss']);

    expect(stderr.trim()).toBe('headway: HEADWAY_ROLE: expected one of all, api, worker');
    expect(option.stderr).toContain('Allowed choices are all, api, worker');
  });
});
