/** A whole service behind PgBouncer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { query } from '../support/embedded.ts';
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.ts';
import { pollUntil, runHeadway, startHeadway } from '../support/process.ts';
import { isFinished, type TaskBody } from '../support/task-states.ts';

describe.skipIf(!hasPgBouncer)('behind PgBouncer', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('that pools sessions, an import survives restarts of its runner, the pooler and the service', async () => {
    await using pooler = await PgBouncer.start(database.url, 'session');
    const env = { DATABASE_URL: pooler.url, HEADWAY_LEASE_SECONDS: '2', HEADWAY_GRACE_SECONDS: '1' };
    const first = await startHeadway(env);
    const begun = await fetch(`${first.url}/tasks/csv-import?sample=1`, { method: 'POST' });
    const { id } = (await begun.json()) as TaskBody;
    const isFurther = (done: number | null) => (task: TaskBody) =>
      isFinished(task) || (task.status === 'running' && (task.done ?? 0) > (done ?? 0));

    const { done } = await pollUntil(first.url, id, isFurther(0));
    process.kill(first.runnerPid, 'SIGKILL');
    const resumed = await pollUntil(first.url, id, isFurther(done));
    await pooler.restart();
    await pollUntil(first.url, id, isFurther(resumed.done));
    first.signal('SIGTERM');
    await first.exited;
    const second = await startHeadway(env);
    const task = await pollUntil(second.url, id, isFinished);

    expect(task).toMatchObject({ status: 'succeeded', result: { imported: 50_000, rejected: 0 } });
    const rows = await query(database.url, 'SELECT count(*)::int AS count FROM dataset_row');
    expect(rows).toEqual([{ count: 50_000 }]);
    const doctor = await runHeadway(['doctor', '--thorough'], env);
    expect(doctor).toMatchObject({ code: 0, stderr: '' });
    second.signal('SIGTERM');
    await second.exited;
  });

  it.each(['serve', 'migrate', 'prune --older-than 1d --yes'])(
    'that pools transactions, the pooler is refused in one line (headway %s)',
    async (command) => {
      await using pooler = await PgBouncer.start(database.url, 'transaction');

      const { code, stdout, stderr } = await runHeadway(command.split(' '), {
        DATABASE_URL: pooler.url,
        PORT: '0',
      });

      expect(stderr).toMatch(/^headway: 127\.0\.0\.1:\d+ is a pooler that lends sessions by .*\n$/);
      expect([code, stdout]).toEqual([1, '']);
    },
  );

  it('that pools statements, the doctor says why it examines nothing', async () => {
    await using pooler = await PgBouncer.start(database.url, 'statement');

    const { code, stdout } = await runHeadway(['doctor'], { DATABASE_URL: pooler.url });

    expect(stdout).toMatch(/^! 127\.0\.0\.1:\d+ is a pooler that lends sessions by /);
    expect(code).toBe(1);
  });
});
