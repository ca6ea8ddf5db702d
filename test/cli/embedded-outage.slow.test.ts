/** The embedded PostgreSQL ends while Headway runs: it is started again, and everything goes on. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clusterProcesses } from '../../src/database/embedded/processes.ts';
import { clusterOf, killServer, makeDataDir, serverPid, signalServer } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { type HeadwayProcess, pollUntil, startHeadway, type TaskBody } from '../support/process.ts';

const rows = 60_000;
const isFinished = ({ finishedAt }: TaskBody) => finishedAt !== null;
const isUnderWay = ({ status, done }: TaskBody) => status === 'running' && (done ?? 0) > 0;

describe('an embedded PostgreSQL that ends', () => {
  let dataDir: Awaited<ReturnType<typeof makeDataDir>>;
  let started: HeadwayProcess[];

  beforeEach(async () => {
    dataDir = await makeDataDir();
    started = [];
  });

  afterEach(async () => {
    for (const headway of started) headway.signal('SIGKILL');
    await Promise.all(started.map(({ exited }) => exited));
    await dataDir[Symbol.asyncDispose]();
  });

  async function start() {
    const headway = await startHeadway({ HEADWAY_DATA_DIR: dataDir.path, HEADWAY_LEASE_SECONDS: '3' });
    started.push(headway);
    return headway;
  }

  async function importRows(url: string): Promise<string> {
    const lines = Array.from({ length: rows }, (_, n) => `${n},name ${n}`);
    const response = await fetch(`${url}/tasks/csv-import?dataset=outage`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: `id,name\n${lines.join('\n')}\n`,
    });
    const { id } = (await response.json()) as TaskBody;
    await pollUntil(url, id, isUnderWay);
    return id;
  }

  async function secondsToReady(url: string): Promise<number> {
    const began = performance.now();
    await eventually(async () => (await fetch(`${url}/readyz`)).ok);
    return (performance.now() - began) / 1000;
  }

  const endings: [string, () => Promise<unknown>][] = [
    ['kill -9 of its first process', async () => process.kill(await serverPid(dataDir.path), 'SIGKILL')],
    ['kill -9 of all of its processes', () => killServer(dataDir.path)],
    ['a stop by somebody else', () => signalServer(dataDir.path, 'SIGQUIT')],
  ];

  it.each(endings)(
    'by %s is there again within 5 s, and an import goes on in the same attempt',
    async (_by, end) => {
      const headway = await start();
      const id = await importRows(headway.url);
      const pid = await serverPid(dataDir.path);

      await end();
      await eventually(async () => (await serverPid(dataDir.path)) !== pid);

      expect(await secondsToReady(headway.url)).toBeLessThan(5);
      const task = await pollUntil(headway.url, id, isFinished);
      expect(task).toMatchObject({
        status: 'succeeded',
        attempt: 1,
        failures: 0,
        result: { imported: rows },
      });
      expect(headway.stdout.match(/PostgreSQL in \S+ has ended: starting it again/g)).toHaveLength(1);
    },
  );

  it('is started by one of two processes, and both go on', async () => {
    const headways = [await start(), await start()];
    const starts = () => headways.flatMap(({ stdout }) => stdout.match(/PostgreSQL runs in/g) ?? []).length;

    for (let end = 1; end <= 3; end += 1) {
      process.kill(await serverPid(dataDir.path), 'SIGKILL');
      await eventually(() => starts() === end);
      for (const { url } of headways) expect(await secondsToReady(url)).toBeLessThan(5);
    }

    expect(starts()).toBe(3);
  });

  it('by the end of Headway stays as it is', async () => {
    const headway = await start();

    headway.signal('SIGTERM');

    expect(await headway.exited).toBe(0);
    expect(await clusterProcesses(clusterOf(dataDir.path))).toEqual([]);
  });
});
