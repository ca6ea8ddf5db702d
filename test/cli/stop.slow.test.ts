import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clusterProcesses } from '../../src/database/embedded/processes.ts';
import { clusterOf, killServer, makeDataDir, signalServer } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { HeadwayProcess, isAlive, pollUntil, postTask, startHeadway } from '../support/process.ts';

const input = { names: 60, stepMs: 50 };
const isFinished = ({ finishedAt }: { finishedAt: string | null }) => finishedAt !== null;
const isUnderWay = ({ status, done }: { status: string; done: number | null }) =>
  status === 'running' && (done ?? 0) > 2;

describe('stopping and starting again', () => {
  let dataDir: Awaited<ReturnType<typeof makeDataDir>>;
  let env: Record<string, string>;

  beforeEach(async () => {
    dataDir = await makeDataDir();
    env = { HEADWAY_DATA_DIR: dataDir.path, HEADWAY_LEASE_SECONDS: '3' };
  });

  afterEach(() => dataDir[Symbol.asyncDispose]());

  it('Ctrl-C stops everything within 5 s; the next start goes on from the checkpoint, no try spent', async () => {
    const first = await startHeadway(env);
    const { id } = await postTask(first.url, 'counts', input);
    const before = await pollUntil(first.url, id, isUnderWay);

    const stoppedAt = performance.now();
    first.signal('SIGINT');
    const code = await first.exited;

    expect(performance.now() - stoppedAt).toBeLessThan(5_000);
    expect(code).toBe(0);
    expect(await clusterProcesses(clusterOf(dataDir.path))).toEqual([]);
    const second = await startHeadway(env);
    const task = await pollUntil(second.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2, failures: 0, result: { counted: 60 } });
    expect(task.result?.startedFrom).toBeGreaterThanOrEqual(before.done ?? 0);
    second.signal('SIGINT');
    await second.exited;
  });

  it('a second signal ends it at once, and the task goes on all the same', async () => {
    const first = await startHeadway(env);
    const { id } = await postTask(first.url, 'counts', { ...input, ignoresSignal: true, names: 200 });
    await pollUntil(first.url, id, isUnderWay);

    first.signal('SIGTERM');
    await eventually(() => first.stdout.includes('SIGTERM: stopping'));
    await new Promise((resolve) => setTimeout(resolve, 600));
    const secondAt = performance.now();
    first.signal('SIGTERM');
    await first.exited;

    expect(performance.now() - secondAt).toBeLessThan(2_000);
    const second = await startHeadway(env);
    const task = await pollUntil(second.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', failures: 0 });
    second.signal('SIGINT');
    await second.exited;
  });

  it('after kill -9 of everything the next start goes on within lease + 5 s', async () => {
    const first = await startHeadway(env);
    const { id } = await postTask(first.url, 'counts', input);
    await pollUntil(first.url, id, isUnderWay);

    process.kill(first.runnerPid, 'SIGKILL');
    first.signal('SIGKILL');
    await killServer(dataDir.path);
    await first.exited;
    const second = await startHeadway(env);

    await pollUntil(second.url, id, (task) => task.attempt === 2);
    const task = await pollUntil(second.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2 });
    second.signal('SIGINT');
    await second.exited;
  });

  it('Ctrl-C ends it also when PostgreSQL does not answer any more', async () => {
    const first = await startHeadway(env);
    const { id } = await postTask(first.url, 'counts', input);
    await pollUntil(first.url, id, isUnderWay);
    await signalServer(dataDir.path, 'SIGSTOP');

    const stoppedAt = performance.now();
    first.signal('SIGINT');
    await first.exited;
    const seconds = (performance.now() - stoppedAt) / 1000;
    await signalServer(dataDir.path, 'SIGCONT');

    expect(seconds).toBeLessThan(10);
  });

  it('Ctrl-C during the start leaves nothing running', async () => {
    const starting = new HeadwayProcess([], { ...env, PORT: '0' });
    await eventually(() => starting.stdout.includes('runs in'));

    starting.signal('SIGINT');
    const code = await starting.exited;

    expect(code).toBe(0);
    expect(await clusterProcesses(clusterOf(dataDir.path))).toEqual([]);
  });

  it('stops as ever when nobody reads what it says any more', async () => {
    const first = await startHeadway(env);
    const { id } = await postTask(first.url, 'counts', input);
    await pollUntil(first.url, id, isUnderWay);

    first.closeOutput();
    first.signal('SIGHUP');
    const code = await first.exited;

    expect(code).toBe(0);
    expect(await clusterProcesses(clusterOf(dataDir.path))).toEqual([]);
    const second = await startHeadway(env);
    const task = await pollUntil(second.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', failures: 0 });
    second.signal('SIGINT');
    await second.exited;
  });

  it('a killed parent takes its runners with it', async () => {
    const first = await startHeadway(env);
    const { runnerPid } = first;

    first.signal('SIGKILL');

    await eventually(() => !isAlive(runnerPid));
  });
});
