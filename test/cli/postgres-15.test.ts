import { expect, it } from 'vitest';
import { hasDebian15, makeDataDir, startDebian15 } from '../support/embedded.ts';
import { pollUntil, startHeadway, type TaskBody } from '../support/process.ts';

it.skipIf(!hasDebian15)('a file is imported on PostgreSQL 15 (needs its Debian package)', async () => {
  await using dataDir = await makeDataDir();
  const server = await startDebian15(dataDir.path);
  const headway = await startHeadway({ DATABASE_URL: server.url });

  const response = await fetch(`${headway.url}/tasks/csv-import?sample=1`, { method: 'POST' });
  const { id } = (await response.json()) as TaskBody;
  const task = await pollUntil(headway.url, id, ({ finishedAt }) => finishedAt !== null);
  headway.signal('SIGINT');
  await headway.exited;
  await server.stop();

  expect(task).toMatchObject({ status: 'succeeded', attempt: 1, result: { imported: 50_000, rejected: 0 } });
});
