import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { chunkBytes, Upload } from '../../src/tasks/files/files.ts';
import { sweepFiles } from '../../src/tasks/upkeep/file-sweep.ts';
import { deleteExpired } from '../../src/tasks/upkeep/retention.ts';
import { Sweeper } from '../../src/tasks/upkeep/sweeper.ts';
import { eventually } from '../support/eventually.ts';
import { addFinished } from '../support/finished.ts';
import { violations } from '../support/invariants.ts';
import { openTransaction } from '../support/locks.ts';
import { submit } from '../support/service.ts';
import { runTask, useStore } from '../support/tasks.ts';

const store = useStore();
const add = (options: Parameters<typeof addFinished>[1]) => addFinished(store.db.pool, options);

const count = async (table: string) => {
  const { rows } = await store.db.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ${table}`,
  );
  return rows[0]?.count;
};

const ids = async () =>
  (await store.db.prisma.taskState.findMany({ select: { id: true } })).map(({ id }) => id);

/** A complete file of some chunks that belongs to a task. */
async function addFile(taskId: string, chunks: number): Promise<string> {
  const upload = await Upload.begin(store, { name: 'a', contentType: 'text/csv' });
  for (let chunk = 0; chunk < chunks; chunk += 1) await upload.write(randomBytes(chunkBytes));
  await upload.finish();
  await store.db.pool.query('UPDATE file SET task_id = $2, completed_at = now() WHERE id = $1', [
    upload.id,
    taskId,
  ]);
  return upload.id;
}

describe('retention', () => {
  it('deletes finished tasks that have expired, in batches, with their history', async () => {
    await add({ count: 700 });
    await add({ count: 300, status: 'failed' });
    await add({ count: 200, status: 'cancelled' });

    expect(await deleteExpired(store.db.pool)).toBe(1200);

    expect([await count('task_state'), await count('task_event')]).toEqual([0, 0]);
    expect(await deleteExpired(store.db.pool)).toBe(0);
  });

  it('keeps tasks that have not expired or not finished', async () => {
    await add({ count: 3 });
    const kept = await add({ count: 2, expireInDays: 0.1 });
    const running = await runTask(store);
    const queued = await submit(store, 'noop', null);

    expect(await deleteExpired(store.db.pool)).toBe(3);

    expect((await ids()).sort()).toEqual([...kept, running.taskId, queued.id].sort());
    expect(await violations(store)).toEqual([]);
  });

  it('leaves the files of deleted tasks to the sweep, which deletes their chunks in small batches', async () => {
    const [expired = ''] = await add({ count: 1 });
    const [kept = ''] = await add({ count: 1, expireInDays: 1 });
    await addFile(expired, 150);
    await addFile(expired, 0);
    const keptFile = await addFile(kept, 2);

    await deleteExpired(store.db.pool);
    expect(await count('file_chunk')).toBe(152);
    expect(await sweepFiles(store.db.pool)).toBe(2);

    expect(await store.db.prisma.file.findMany({ select: { id: true } })).toEqual([{ id: keptFile }]);
    expect(await count('file_chunk')).toBe(2);
  });

  it('passes over a task that is being retried, and waits for nobody', async () => {
    const [retried = ''] = await add({ count: 10, status: 'failed' });
    await using person = await openTransaction(store);
    await person.query(
      `UPDATE task_state SET status = 'queued', entry_id = gen_random_uuid(), finished_at = NULL, expires_at = NULL WHERE id = $1`,
      [retried],
    );

    expect(await deleteExpired(store.db.pool)).toBe(9);
    await person.query('COMMIT');

    expect(await deleteExpired(store.db.pool)).toBe(0);
    expect(await ids()).toEqual([retried]);
    expect(await count('task_event')).toBe(3);
  });

  it('runs in one process at a time', async () => {
    await add({ count: 1 });
    await using other = await openTransaction(store);
    await other.query('SELECT pg_advisory_xact_lock(1212503, 2)');

    expect(await deleteExpired(store.db.pool)).toBe(0);
    await other.query('COMMIT');

    expect(await deleteExpired(store.db.pool)).toBe(1);
  });

  it('stops between two batches when it is told to', async () => {
    await add({ count: 1200 });

    expect(await deleteExpired(store.db.pool, AbortSignal.abort())).toBe(500);
  });

  it('finds expired tasks by their index, however many others have finished', async () => {
    await add({ count: 20_000, expireInDays: 10 });
    await add({ count: 10 });
    await store.db.pool.query('ANALYZE task_state');
    const { rows } = await store.db.pool.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT id FROM task_state
       WHERE status IN ('succeeded', 'failed', 'cancelled') AND expires_at < now()
       ORDER BY expires_at LIMIT 500`,
    );

    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('task_state_finished_expires_at_idx');
  });

  it('is done by every parent, again and again', async () => {
    const sweeper = new Sweeper({ db: store.db, log: pino({ level: 'silent' }), intervalMs: 20 });
    const [task = ''] = await add({ count: 1 });
    await addFile(task, 1);

    sweeper.start();

    await eventually(async () => (await count('task_state')) === 0 && (await count('file')) === 0);
    await sweeper.stop();
  });
});
