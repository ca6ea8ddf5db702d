/** Headway on one data folder is stopped in many ways, and started again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterProcesses } from '../../src/database/embedded/processes.ts';
import { within } from '../support/calibration.ts';
import { clusterOf, copyDataDir, killServer, signalServer } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { HeadwayProcess, isAlive, pollUntil, postTask, startHeadway } from '../support/process.ts';
import { isFinished, type TaskBody } from '../support/task-states.ts';

const names = 60;
const isUnderWay = ({ status, done }: TaskBody) => status === 'running' && (done ?? 0) > 2;

describe('stopping and starting again', () => {
  let dataDir: Awaited<ReturnType<typeof copyDataDir>>;
  let env: Record<string, string>;
  let headway: Awaited<ReturnType<typeof startHeadway>>;

  const start = async () => {
    headway = await startHeadway(env);
  };
  const startJob = async (input: { ignoresSignal?: boolean } = {}) => {
    const { id } = await postTask(headway.url, 'counts', { names, stepMs: 50, ...input });
    return pollUntil(headway.url, id, isUnderWay);
  };
  const serverProcesses = () => clusterProcesses(clusterOf(dataDir.path));

  beforeAll(async () => {
    dataDir = await copyDataDir();
    // Ctrl-C gives at most 3 s of the grace period.
    env = { HEADWAY_DATA_DIR: dataDir.path, HEADWAY_LEASE_SECONDS: '3', HEADWAY_GRACE_SECONDS: '1' };
    await start();
  });

  afterAll(async () => {
    headway.signal('SIGKILL');
    await headway.exited;
    await dataDir[Symbol.asyncDispose]();
  });

  it('Ctrl-C stops everything within 5 s; the next start goes on from the checkpoint, and no try is lost', async () => {
    const { id, done } = await startJob();

    const code = await within(5_000, () => {
      headway.signal('SIGINT');
      return headway.exited;
    });

    expect(code).toBe(0);
    expect(await serverProcesses()).toEqual([]);
    await start();
    const task = await pollUntil(headway.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2, failures: 0, result: { counted: names } });
    expect(task.result?.startedFrom).toBeGreaterThanOrEqual(done ?? 0);
  });

  it('Headway stops as usual when nobody reads its output any more', async () => {
    const { id } = await startJob();

    headway.closeOutput();
    headway.signal('SIGHUP');
    const code = await headway.exited;

    expect(code).toBe(0);
    expect(await serverProcesses()).toEqual([]);
    await start();
    const task = await pollUntil(headway.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', failures: 0 });
  });

  it('the runners end with a killed parent, and the next start goes on, also after kill -9 of PostgreSQL', async () => {
    const { id } = await startJob();
    const { runnerPid } = headway;

    headway.signal('SIGKILL');
    await eventually(() => !isAlive(runnerPid));
    await killServer(dataDir.path);
    await start();

    const task = await pollUntil(headway.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('Ctrl-C ends Headway also when PostgreSQL does not answer any more', async () => {
    await startJob();
    await signalServer(dataDir.path, 'SIGSTOP');

    await within(8_000, () => {
      headway.signal('SIGINT');
      return headway.exited;
    });

    await killServer(dataDir.path);
  });

  it('Ctrl-C during the start leaves nothing running', async () => {
    const starting = new HeadwayProcess([], { ...env, PORT: '0' });
    await eventually(() => starting.stdout.includes('runs in'));

    starting.signal('SIGINT');
    const code = await starting.exited;

    expect(code).toBe(0);
    expect(await serverProcesses()).toEqual([]);
  });
});

it('a second signal ends Headway at once, and the task goes on after the next start', async () => {
  await using dataDir = await copyDataDir();
  const env = { HEADWAY_DATA_DIR: dataDir.path, HEADWAY_LEASE_SECONDS: '3' };
  const first = await startHeadway(env);
  const input = { names: 120, stepMs: 50, ignoresSignal: true };
  const { id } = await postTask(first.url, 'counts', input);
  await pollUntil(first.url, id, isUnderWay);

  first.signal('SIGTERM');
  await eventually(() => first.stdout.includes('SIGTERM: stopping'));
  // A second signal that comes sooner counts as the first one, passed on by npm.
  await sleep(600);
  await within(2_500, () => {
    first.signal('SIGTERM');
    return first.exited;
  });

  const second = await startHeadway(env);
  const task = await pollUntil(second.url, id, isFinished);
  expect(task).toMatchObject({ status: 'succeeded', failures: 0 });
  second.signal('SIGINT');
  await second.exited;
});
