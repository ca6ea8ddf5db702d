import { expect, it } from 'vitest';
import { hasDebian15, makeDataDir, startDebian15 } from '../support/embedded.ts';
import { pollUntil, runHeadway, startHeadway } from '../support/process.ts';
import { isFinished, type TaskBody } from '../support/task-states.ts';

it.skipIf(!hasDebian15)(
  'a file is imported, all is well, and the task is pruned on PostgreSQL 15 (needs its Debian package)',
  async () => {
    await using dataDir = await makeDataDir();
    const server = await startDebian15(dataDir.path);
    const env = { DATABASE_URL: server.url };
    const headway = await startHeadway(env);

    const response = await fetch(`${headway.url}/tasks/csv-import?sample=1`, { method: 'POST' });
    const { id } = (await response.json()) as TaskBody;
    const task = await pollUntil(headway.url, id, isFinished);
    const doctor = await runHeadway(['doctor', '--thorough'], env);
    const prune = await runHeadway(['prune', '--older-than', '0s', '--yes'], env);
    headway.signal('SIGINT');
    await headway.exited;
    await server.stop();

    expect(task).toMatchObject({
      status: 'succeeded',
      attempt: 1,
      result: { imported: 50_000, rejected: 0 },
    });
    expect(doctor).toMatchObject({ code: 0, stderr: '' });
    expect(prune).toMatchObject({ code: 0, stderr: '' });
    expect(prune.stdout).toContain('Deleted 1 task in ');
  },
);
