import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { projectDir } from '../../src/config.ts';
import { HeadwayProcess, pollUntil } from '../support/process.ts';
import { isFinished, type TaskBody } from '../support/task-states.ts';

const left = new Set(['node_modules', '.headway', '.git', 'coverage']);

it('the first command of the README, in a fresh copy whose path contains a space, imports a file', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'headway readme '));
  await cp(projectDir, folder, {
    recursive: true,
    filter: (source) => !left.has(path.relative(projectDir, source).split(path.sep)[0] ?? ''),
  });
  const readme = await readFile(path.join(folder, 'README.md'), 'utf8');
  const line = /```sh\n(.+)\n```/.exec(readme)?.[1] ?? '';
  const rows = Array.from({ length: 3_000 }, (_, i) => `${i},"Name, the ${i}."`);

  // Packages come from npm's cache, because the project itself was installed from it.
  const npm = { npm_config_prefer_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false' };
  const env = { PORT: '0', HEADWAY_DATA_DIR: '.headway', ...npm };
  const headway = new HeadwayProcess([], env, { line, cwd: folder });
  const url = await headway.ready();
  const response = await fetch(`${url}/tasks/csv-import?dataset=names`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: `id,name\n${rows.join('\n')}\n`,
  });
  const { id } = (await response.json()) as TaskBody;
  const task = await pollUntil(url, id, isFinished);
  headway.signalGroup('SIGINT');
  await headway.exited;
  await rm(folder, { recursive: true, force: true });

  expect(line).toBe('npm ci && npm start');
  expect(response.status).toBe(202);
  expect(task).toMatchObject({
    status: 'succeeded',
    result: { imported: 3_000, rejected: 0, columns: ['id', 'name'] },
  });
});
