import { describe, expect, it } from 'vitest';
import { invariantsWith } from '../../src/tasks/invariants.ts';
import { succeedAlone } from '../../src/tasks/life/end.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { type Violation, violations } from '../support/invariants.ts';
import { submit } from '../support/service.ts';
import { runTask, useStore } from '../support/tasks.ts';

const store = useStore();

/** A queued, a running and a finished task. */
async function makeTasks() {
  const finished = await runTask(store);
  await succeedAlone(store, [{ ...finished, result: 'null', report: emptyReport }]);
  const running = await runTask(store);
  const queued = await submit(store, 'noop', null);
  return { finished, running, queued };
}

const found = async () => [...new Set((await violations(store)).map(({ violation }) => violation))];

describe('the invariants', () => {
  it('hold for tasks that nothing has happened to', async () => {
    await makeTasks();

    expect(await violations(store)).toEqual([]);
  });

  it.each([
    ['a queued task has no queue entry that a runner can take', 'DELETE FROM pgboss.job'],
    ['a queued task has no queue entry that a runner can take', `UPDATE pgboss.job SET state = 'active'`],
    ['a running task has no worker, or its worker was given up', 'UPDATE worker SET lost_at = now()'],
    ['a running task has no worker, or its worker was given up', 'DELETE FROM worker'],
    [
      'the lease of a worker has lapsed, and nobody has given the worker up',
      `UPDATE worker SET lease_expires_at = now() - interval '11 seconds'`,
    ],
    [
      'a file that belongs to no task was not deleted',
      `INSERT INTO file (id, name, content_type, touched_at) VALUES (gen_random_uuid(), 'a', 'b', now() - interval '16 minutes')`,
    ],
    [
      'a file belongs to a task that is gone',
      `INSERT INTO file (id, task_id, name, content_type) VALUES (gen_random_uuid(), gen_random_uuid(), 'a', 'b')`,
    ],
    [
      'a file is gone, but its contents are not',
      `INSERT INTO file_chunk (file_id, number, data) SELECT gen_random_uuid(), number % 3, 'x' FROM generate_series(1, 3) AS number`,
    ],
    ['a task is gone, but its history is not', `DELETE FROM task_state WHERE status = 'succeeded'`],
    [
      'rows belong to an import that nothing knows of',
      `INSERT INTO dataset_row (import_id, number, data) SELECT gen_random_uuid(), number, '{}' FROM generate_series(1, 3) AS number`,
    ],
    [
      'a running external task has no lease',
      `UPDATE task_state SET report_token_hash = 'x' WHERE status = 'running'`,
    ],
    ['a queue entry belongs to no queued task', `DELETE FROM task_state WHERE status = 'queued'`],
    [
      'a queued task has no queue entry that a runner can take',
      `UPDATE pgboss.job SET data = '{"taskId": "x"}'`,
    ],
    ['a queued task has no queue entry that a runner can take', 'UPDATE pgboss.job SET blocked = TRUE'],
    [
      'a queued task has no queue entry that a runner can take',
      `UPDATE pgboss.job SET start_after = '2099-01-01'`,
    ],
    ['a queue entry belongs to no queued task', `UPDATE pgboss.job SET start_after = '2099-01-01'`],
    [
      'a task and its queue entry are due at different times',
      `UPDATE task_state SET next_attempt_at = now() + interval '1 hour' WHERE status = 'queued'`,
    ],
    [
      'a task that is not queued has a queue entry, or a time for its next try',
      `UPDATE task_state SET next_attempt_at = now() WHERE status = 'running'`,
    ],
    [
      'a task that is not running has a worker',
      `UPDATE task_state SET worker_id = gen_random_uuid() WHERE status = 'succeeded'`,
    ],
    ['a finished task has no end time, or no expiry time', `UPDATE task_state SET expires_at = NULL`],
    [
      'an unfinished task has a result, an end time or an expiry time',
      `UPDATE task_state SET finished_at = now() WHERE status = 'queued'`,
    ],
    ['a succeeded task has no result, or has an error', 'UPDATE task_state SET result = NULL'],
    [
      'a succeeded task has no result, or has an error',
      `UPDATE task_state SET error = '{}' WHERE status = 'succeeded'`,
    ],
    [
      'a failed or cancelled task has no error, or has a result',
      `UPDATE task_state SET status = 'failed', percent_done = 0 WHERE status = 'succeeded'`,
    ],
    [
      'a cancelled task has no request to cancel it',
      `UPDATE task_state SET status = 'cancelled', percent_done = 0 WHERE status = 'succeeded'`,
    ],
    [
      'a queued task has a request to cancel it',
      `UPDATE task_state SET cancel_requested_at = now() WHERE status = 'queued'`,
    ],
    [
      'a task has used up its tries, but has not failed',
      `UPDATE task_state SET failures = max_attempts WHERE status = 'queued'`,
    ],
    ['a task has more failures than attempts', `UPDATE task_state SET failures = 1 WHERE status = 'queued'`],
    [
      'the history of a task does not show each attempt exactly once',
      'UPDATE task_state SET attempt = attempt + 1',
    ],
    [
      'the history of a task does not show each attempt exactly once',
      `INSERT INTO task_event (task_id, attempt, kind) SELECT id, 1, 'started' FROM task_state WHERE status = 'running'`,
    ],
    [
      'the last event in the history of a finished task is not its end',
      `INSERT INTO task_event (task_id, attempt, kind) SELECT id, 1, 'log' FROM task_state WHERE status = 'succeeded'`,
    ],
  ])('find that %s', async (violation, sql) => {
    await makeTasks();

    await store.db.pool.query(sql);

    expect(await found()).toContain(violation);
  });

  it('pass over a violation that has not lasted for the time of grace, where one is set', async () => {
    await makeTasks();
    await store.db.pool.query(
      `UPDATE pgboss.job SET state = 'active', started_on = now() WHERE state < 'active'`,
    );
    await store.db.pool.query('UPDATE worker SET lost_at = now()');
    const { unfinished } = invariantsWith();

    const list = async (graceSeconds: number) => {
      const client = await store.db.pool.connect();
      await client.query(`SET headway.grace_seconds = ${graceSeconds}`);
      const { rows } = await client.query<Violation>(unfinished);
      client.release(true);
      return rows.map(({ violation }) => violation);
    };

    expect(await list(3600)).toEqual([]);
    expect((await list(0)).sort()).toEqual([
      'a queued task has no queue entry that a runner can take',
      'a running task has no worker, or its worker was given up',
    ]);
  });
});
