/** The service while the reader of its log stands still, as under `npm start | less`. */
import { mkdtempSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { projectDir } from '../../src/config.ts';
import { within } from '../support/calibration.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { HeadwayProcess, isAlive, pollUntil, postTask } from '../support/process.ts';
import { testJobsFolder } from '../support/service.ts';
import { isFinished } from '../support/task-states.ts';

test('a log that nobody reads keeps neither requests nor tasks waiting, nor the end', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'stalled-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // What stands still is told to stop as well, and does not.
  const service = `sh -c 'echo $$ > "${folder}/pid"; exec "${process.execPath}" src/main.ts serve'`;
  const line = `${service} | (trap "" TERM; exec sleep 100000)`;
  const env = {
    PORT: String(port),
    HEADWAY_DATA_DIR: path.join(folder, 'data'),
    HEADWAY_JOBS_DIR: testJobsFolder,
    HEADWAY_LOG_LEVEL: 'debug',
  };
  const headway = new HeadwayProcess([], env, { line, cwd: projectDir });
  await eventually(async () => (await fetch(`${url}/readyz`)).ok);
  const pid = Number(readFileSync(path.join(folder, 'pid'), 'utf8'));

  // Each is a line in the log, and a pipe holds a hundred of them.
  await within(10_000, async () => {
    for (let round = 0; round < 60; round += 1) {
      const answers = Array.from({ length: 50 }, () => fetch(`${url}/${'nothing-'.repeat(60)}`));
      for (const answer of await Promise.all(answers)) expect(answer.status).toBe(404);
    }
  });
  const tasks = await Promise.all(Array.from({ length: 50 }, () => postTask(url, 'noop', null)));
  for (const { id } of tasks) expect((await pollUntil(url, id, isFinished)).status).toBe('succeeded');
  await within(10_000, async () => {
    headway.signalGroup('SIGTERM');
    await eventually(() => !isAlive(pid));
  });

  headway.signalGroup('SIGKILL');
  await headway.exited;
});
