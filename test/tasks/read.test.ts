import { describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/model/ids.ts';
import { readHistory, readTask } from '../../src/tasks/queries/read.ts';
import { PageDetails } from '../../src/tasks/snapshots/page-details.ts';
import { submit } from '../support/service.ts';
import { rowOf, runTask, useStore } from '../support/tasks.ts';

const store = useStore();

/** Sets when tasks were created, one second apart in the order given. */
async function createdInOrder(ids: readonly string[]): Promise<void> {
  await store.db.pool.query(
    `UPDATE task_state SET created_at = now() - interval '1 hour' + make_interval(secs => place)
     FROM unnest($1::uuid[]) WITH ORDINALITY AS task (id, place) WHERE task_state.id = task.id`,
    [ids],
  );
}

const submitMany = async (count: number, type = 'noop') => {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push((await submit(store, type, null)).id);
  await createdInOrder(ids);
  return ids;
};

describe('reading a task', () => {
  it('returns its row, or null', async () => {
    const task = await submit(store, 'noop', { n: 1 });

    expect(await readTask(store, task.id)).toEqual(task);
    expect(await readTask(store, newId())).toBeNull();
  });
});

describe('a history', () => {
  it('is of one task, oldest first', async () => {
    const { taskId } = await runTask(store);
    await submit(store, 'noop', null);

    const history = await readHistory(store, taskId);

    expect(history).toEqual([
      { at: expect.any(Date), attempt: 0, kind: 'submitted', detail: null },
      { at: expect.any(Date), attempt: 1, kind: 'started', detail: null },
    ]);
    expect(await readHistory(store, newId())).toEqual([]);
  });

  it('of 700 events has the newest 500, oldest first', async () => {
    const { id } = await submit(store, 'noop', null);
    await store.db.pool.query(
      `INSERT INTO task_event (task_id, attempt, kind, detail)
       SELECT $1, 1, 'log', to_jsonb(n) FROM generate_series(1, 700) AS n`,
      [id],
    );

    const history = await readHistory(store, id);

    expect(history.map((event) => event.detail)).toEqual(Array.from({ length: 500 }, (_, n) => n + 201));
  });
});

describe('the place in the queue', () => {
  /** Says when tasks were queued, one second apart in the order given. */
  const queuedInOrder = async (ids: readonly string[]) => {
    await store.db.pool.query(
      `WITH task AS (
         UPDATE task_state SET updated_at = now() - interval '1 hour' + make_interval(secs => place)
         FROM unnest($1::uuid[]) WITH ORDINALITY AS queued (id, place) WHERE task_state.id = queued.id
         RETURNING entry_id, updated_at
       )
       UPDATE pgboss.job SET created_on = task.updated_at, start_after = task.updated_at
       FROM task WHERE job.id = task.entry_id`,
      [ids],
    );
  };
  const placesOf = (ids: readonly string[]) =>
    Promise.all(ids.map(async (id) => (await new PageDetails(store).waiting(await rowOf(store, id))).place));

  it('counts the tasks of its queue that came before, and itself', async () => {
    const ids = await submitMany(3);
    await submitMany(2, 'waits');
    await queuedInOrder(ids);

    expect(await placesOf(ids)).toEqual([1, 2, 3]);
  });

  it('depends on when a task was queued, not on when it was submitted', async () => {
    const [retried = '', ...others] = await submitMany(3);
    await queuedInOrder([...others, retried]);

    expect(await placesOf([retried, ...others])).toEqual([3, 1, 2]);
  });

  it('does not count tasks that wait for the time of their next try', async () => {
    const ids = await submitMany(3);
    await queuedInOrder(ids);
    await store.db.pool.query(
      `UPDATE pgboss.job SET start_after = now() + interval '1 hour' WHERE data->>'taskId' = $1`,
      [ids[0]],
    );

    expect(await placesOf(ids.slice(1))).toEqual([1, 2]);
  });

  it('of a task that must run alone counts only tasks that must run alone', async () => {
    const ids = await submitMany(4);
    await queuedInOrder(ids);
    const alone = ids.slice(2);
    await store.db.pool.query('UPDATE task_state SET losses = 2 WHERE id = ANY ($1)', [alone]);
    await store.db.pool.query(`UPDATE pgboss.job SET name = 'noop.solo' WHERE data->>'taskId' = ANY ($1)`, [
      alone,
    ]);

    expect(await placesOf(ids)).toEqual([1, 2, 1, 2]);
  });

  it('does not count tasks that run or are finished', async () => {
    await runTask(store);
    const [id] = await submitMany(1);

    expect(await new PageDetails(store).waiting(await rowOf(store, id ?? ''))).toEqual({
      place: 1,
      worker: null,
    });
  });

  it('is unknown beyond a thousand', async () => {
    const ids = await submitMany(2);
    const [first] = ids;
    await queuedInOrder(ids);
    await store.db.pool.query(
      `INSERT INTO pgboss.job (name, created_on, start_after, data)
       SELECT 'noop', created_on, start_after, '{}' FROM pgboss.job, generate_series(1, 999)
       WHERE data->>'taskId' = $1`,
      [first],
    );

    expect(await placesOf(ids)).toEqual([1, null]);
  });
});

describe('the worker of a running task', () => {
  it('is shown with the time when it was last heard from', async () => {
    const { taskId, workerId } = await runTask(store);
    const worker = await store.db.prisma.worker.findUniqueOrThrow({ where: { id: workerId } });

    expect(await new PageDetails(store).waiting(await rowOf(store, taskId))).toEqual({
      place: null,
      worker: { heardAt: worker.heardAt, leaseExpiresAt: worker.leaseExpiresAt },
    });
  });

  it('is not shown where its row is gone', async () => {
    const { taskId } = await runTask(store);
    await store.db.prisma.worker.deleteMany();

    expect(await new PageDetails(store).waiting(await rowOf(store, taskId))).toEqual({
      place: null,
      worker: null,
    });
  });
});
