import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { projectDir } from '../../src/config.ts';
import { timed } from '../support/calibration.ts';
import { eventually } from '../support/eventually.ts';
import { launch } from '../support/launch.ts';
import { processesOf } from '../support/run/marks.ts';
import { workersFolder } from '../support/run/workers.ts';

const vitest = path.join(projectDir, 'node_modules/vitest/vitest.mjs');
const config = path.join(import.meta.dirname, 'fixture/vitest.config.ts');
/** How long the README says that left-over processes may live, in milliseconds. */
const promiseMs = 10_000;

/** A run of the fixture that has started everything; a browser only on request, because it takes longest. */
async function startRun({ withBrowser = false } = {}) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tell-'));
  const tellFile = path.join(folder, 'run');
  const main = launch(process.execPath, [vitest, 'run', '--config', config], {
    stdio: 'ignore',
    env: {
      ...process.env,
      HEADWAY_TELL_FILE: tellFile,
      HEADWAY_FIXTURE_BROWSER: withBrowser ? '1' : '0',
      TEST_DATABASE_URL: undefined,
    },
  });
  const exited = once(main, 'exit');
  const runFolder = await eventually(async () => (await readFile(tellFile, 'utf8')) || undefined);
  const left = async () => [
    ...(await processesOf(runFolder)).map(({ command }) => command),
    ...(existsSync(runFolder) ? [runFolder] : []),
  ];
  return { main, exited, runFolder, left };
}

/** The process ids of vitest's workers in a run. */
async function workersOf(runFolder: string): Promise<number[]> {
  return (await readdir(workersFolder(runFolder))).map(Number);
}

it.concurrent.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
  'a test run that is ended by %s leaves no process and no folder behind',
  async (signal) => {
    const { main, exited, left } = await startRun({ withBrowser: signal === 'SIGKILL' });
    expect((await left()).length).toBeGreaterThan(5);

    const { ms, allowanceMs } = await timed(async () => {
      main.kill(signal);
      await exited;
      await eventually(async () => (await left()).length === 0);
    });

    expect(ms).toBeLessThan(promiseMs + allowanceMs);
  },
);

it.concurrent('a run that is killed together with its workers leaves nothing behind', async () => {
  const { main, exited, runFolder, left } = await startRun();
  const workers = await workersOf(runFolder);
  expect(workers.length).toBeGreaterThan(0);

  const { ms, allowanceMs } = await timed(async () => {
    main.kill('SIGKILL');
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await exited;
    await eventually(async () => (await left()).length === 0);
  });

  expect(ms).toBeLessThan(promiseMs + allowanceMs);
});

it.concurrent('processes that a killed worker has started end, while the run goes on', async () => {
  const { main, exited, runFolder, left } = await startRun();
  const [worker = 0] = await workersOf(runFolder);
  expect(worker).toBeGreaterThan(0);

  process.kill(worker, 'SIGKILL');
  await exited;

  await eventually(async () => (await left()).length === 0);
  expect(main.exitCode).toBe(1);
});
