/** A start that does not finish, because a job file hangs in the runners. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { clusterProcesses } from '../../src/database/embedded/processes.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import { createTestDatabase } from '../support/database.ts';
import { clusterOf, copyDataDir } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { HeadwayProcess, isAlive } from '../support/process.ts';
import { administer } from '../support/server.ts';

const hanging = { PORT: '0', HEADWAY_JOBS_DIR: path.join(import.meta.dirname, 'hanging-jobs') };
const hasRunner = ({ stdout }: HeadwayProcess) => stdout.includes('runnerPid');

it('a parent whose runners hang in their start still gives up dead workers', async () => {
  const database = await createTestDatabase();
  const env = { ...hanging, DATABASE_URL: database.url, HEADWAY_LEASE_SECONDS: '2' };
  const headway = new HeadwayProcess([], env);
  const workerId = newId();
  await administer(database.url, async (client) => {
    await client.query(
      `INSERT INTO worker (id, host, pid, slots, lease_expires_at) VALUES ($1, 'test', 1, 10, now())`,
      [workerId],
    );
  });

  await eventually(() => headway.stdout.includes('worker_lapsed'));

  expect(headway.stdout).toContain(workerId);
  expect(headway.stdout).not.toContain('Headway is ready');
  headway.signal('SIGTERM');
  await headway.exited;
  await database.drop();
});

describe.concurrent('a start that is stopped', () => {
  it('leaves neither a runner nor PostgreSQL running, and exits with code 0', async () => {
    await using dataDir = await copyDataDir();
    const headway = new HeadwayProcess([], { ...hanging, HEADWAY_DATA_DIR: dataDir.path });
    await eventually(() => hasRunner(headway));

    headway.signal('SIGTERM');
    const code = await headway.exited;

    expect(code).toBe(0);
    expect(isAlive(headway.runnerPid)).toBe(false);
    expect(await clusterProcesses(clusterOf(dataDir.path))).toEqual([]);
    expect(headway.stderr).toBe('');
  });

  it('exits at once also while it waits for its database', async () => {
    const headway = new HeadwayProcess([], { ...hanging, DATABASE_URL: 'postgresql://127.0.0.1:1/none' });
    await eventually(() => headway.stdout.includes('Waiting up to'));

    headway.signal('SIGINT');

    expect(await headway.exited).toBe(0);
    expect(headway.stderr).toBe('');
  });
});
