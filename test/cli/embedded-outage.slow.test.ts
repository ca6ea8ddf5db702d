/** When the embedded PostgreSQL ends while Headway runs, it is started again, and everything goes on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterProcesses } from '../../src/database/embedded/processes.ts';
import { within } from '../support/calibration.ts';
import { clusterOf, copyDataDir, killServer, serverPid, signalServer } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { pollUntil, startHeadway } from '../support/process.ts';
import { isFinished, isUnderWay, type TaskBody } from '../support/task-states.ts';

const rows = 60_000;

const saysEnded = /PostgreSQL in \S+ has ended: starting it again/g;

describe('an embedded PostgreSQL that ends', () => {
  let dataDir: Awaited<ReturnType<typeof copyDataDir>>;
  let headway: Awaited<ReturnType<typeof startHeadway>>;

  const start = () => startHeadway({ HEADWAY_DATA_DIR: dataDir.path, HEADWAY_LEASE_SECONDS: '3' });

  beforeAll(async () => {
    dataDir = await copyDataDir();
    headway = await start();
  });

  afterAll(async () => {
    headway.signal('SIGKILL');
    await headway.exited;
    await dataDir[Symbol.asyncDispose]();
  });

  async function importRows(name: string): Promise<string> {
    const lines = Array.from({ length: rows }, (_, n) => `${n},name ${n}`);
    const response = await fetch(`${headway.url}/tasks/csv-import?dataset=${name}`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: `id,name\n${lines.join('\n')}\n`,
    });
    const { id } = (await response.json()) as TaskBody;
    await pollUntil(headway.url, id, isUnderWay);
    return id;
  }

  const isReady = (url: string) => eventually(async () => (await fetch(`${url}/readyz`)).ok);

  const endings: [string, string, () => Promise<unknown>][] = [
    [
      'one',
      'kill -9 of its first process',
      async () => process.kill(await serverPid(dataDir.path), 'SIGKILL'),
    ],
    ['two', 'kill -9 of all of its processes', () => killServer(dataDir.path)],
    ['three', 'a stop by another program', () => signalServer(dataDir.path, 'SIGQUIT')],
  ];

  it.each(endings)(
    '(%s) by %s runs again within 5 s, and an import goes on in the same attempt',
    async (name, _by, end) => {
      const saidBefore = headway.stdout.length;
      const id = await importRows(name);
      const pid = await serverPid(dataDir.path);

      await end();
      await eventually(async () => (await serverPid(dataDir.path)) !== pid);
      await within(5_000, () => isReady(headway.url));

      const task = await pollUntil(headway.url, id, isFinished);
      expect(task).toMatchObject({
        status: 'succeeded',
        attempt: 1,
        failures: 0,
        result: { imported: rows },
      });
      // The log says so at most once in 10 s, and the end before may have been logged just now.
      const said = headway.stdout.slice(saidBefore).match(saysEnded) ?? [];
      expect(said.length).toBeLessThanOrEqual(1);
    },
  );

  it('is logged', () => {
    expect(headway.stdout).toMatch(saysEnded);
  });

  it('is started again by one of two processes, both of which go on, and stops with the last of them', async () => {
    const other = await start();
    const saidBefore = headway.stdout.length;
    const starts = () =>
      [headway.stdout.slice(saidBefore), other.stdout].flatMap(
        (stdout) => stdout.match(/PostgreSQL runs in/g) ?? [],
      ).length;

    for (let end = 1; end <= 2; end += 1) {
      process.kill(await serverPid(dataDir.path), 'SIGKILL');
      await eventually(() => starts() === end);
      await within(5_000, () => Promise.all([isReady(headway.url), isReady(other.url)]));
    }

    expect(starts()).toBe(2);
    for (const one of [headway, other]) one.signal('SIGTERM');
    expect(await Promise.all([headway.exited, other.exited])).toEqual([0, 0]);
    expect(await clusterProcesses(clusterOf(dataDir.path))).toEqual([]);
  });
});
