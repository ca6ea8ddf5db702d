import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { DatabaseTrouble } from '../../src/jobs/attempt/database-trouble.ts';
import { EndWriter } from '../../src/jobs/attempt/end-writer.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { failure, handBack, success } from '../support/ends.ts';
import { lockTask } from '../support/locks.ts';
import { liveEntries } from '../support/queue-entries.ts';
import { kindsOf, type RunningTask, rowOf, runMany, runTasks, useStore } from '../support/tasks.ts';

const store = useStore();
const newWriter = () =>
  new EndWriter({ store, databaseTrouble: new DatabaseTrouble(), log: pino({ level: 'silent' }) });

/** Makes the end of a task fail on a lock at once, instead of after the 5 s for which a session waits. */
async function lockOut(taskId: string) {
  await store.db.pool.query(`
    CREATE OR REPLACE FUNCTION lock_out() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN RAISE EXCEPTION USING ERRCODE = ''lock_not_available''; END'`);
  await store.db.pool.query(`
    CREATE TRIGGER lock_out BEFORE UPDATE ON task_state
    FOR EACH ROW WHEN (OLD.id = '${taskId}') EXECUTE FUNCTION lock_out()`);
  const release = async () =>
    void (await store.db.pool.query('DROP TRIGGER IF EXISTS lock_out ON task_state'));
  return { release, [Symbol.asyncDispose]: release };
}

/** JSON that PostgreSQL refuses because it is nested too deeply. */
const tooDeep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

describe('ends', () => {
  it('that are ready in the same turn of the loop share a statement', async () => {
    const ends = newWriter();
    const tasks = await runMany(store, 50);
    const query = vi.spyOn(store.db.pool, 'query');

    await Promise.all(tasks.map((task) => ends.succeed(success(task))));

    const statements = query.mock.calls.length;
    query.mockRestore();
    expect(statements).toBe(1);
    expect(await store.db.prisma.taskState.count({ where: { status: 'succeeded' } })).toBe(50);
  });

  it('are all written when there are more than fit in one statement', async () => {
    const ends = newWriter();
    const tasks = await runMany(store, 130);

    await Promise.all(tasks.map((task) => ends.fail(handBack(task))));

    expect(await store.db.prisma.taskState.count({ where: { status: 'queued' } })).toBe(130);
    expect(await liveEntries(store)).toHaveLength(130);
  });

  it('that arrive while others are being written are written next', async () => {
    const ends = newWriter();
    const [first, second] = await runTasks(store, 2);

    const written = ends.succeed(success(first));
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([written, ends.succeed(success(second))]);

    expect(await store.db.prisma.taskState.count({ where: { status: 'succeeded' } })).toBe(2);
  });

  it('are written although one among them can never be: its task fails with a code', async () => {
    const ends = newWriter();
    const [one, bad, other] = await runTasks(store, 3);
    const log = ['a line of the one that fails'];

    await Promise.all([
      ends.succeed(success(one)),
      ends.succeed(success(bad, { result: tooDeep, report: { ...emptyReport, log } })),
      ends.succeed(success(other)),
    ]);

    expect(await rowOf(store, one.taskId)).toMatchObject({ status: 'succeeded' });
    expect(await rowOf(store, other.taskId)).toMatchObject({ status: 'succeeded' });
    expect(await rowOf(store, bad.taskId)).toMatchObject({
      status: 'failed',
      result: null,
      error: { code: 'end_not_written', message: expect.stringContaining('refused') },
    });
    expect(await kindsOf(store, bad.taskId)).toEqual(['submitted', 'started', 'log', 'failed']);
    expect(await kindsOf(store, one.taskId)).toEqual(['submitted', 'started', 'succeeded']);
  });

  it('that PostgreSQL refuses for a failure become a failure with another message, and later ends are written', async () => {
    const ends = newWriter();
    const [bad, later] = await runTasks(store, 2);
    const error = { code: 'broken', message: 'it broke' };

    await ends.fail(failure(bad, { error, delaySeconds: Number.NaN }));
    await ends.fail(failure(later, { error, delaySeconds: 1 }));

    expect(await rowOf(store, bad.taskId)).toMatchObject({
      status: 'failed',
      error: { code: 'end_not_written' },
    });
    expect(await rowOf(store, later.taskId)).toMatchObject({ error: { code: 'broken' } });
  });

  it.each([
    ['successes', (ends: EndWriter, task: RunningTask) => ends.succeed(success(task)), 'succeeded'],
    ['hand-backs', (ends: EndWriter, task: RunningTask) => ends.fail(handBack(task)), 'queued'],
  ] as const)('of %s do not wait for one whose row somebody holds', async (_what, end, status) => {
    const ends = newWriter();
    const [held, ...free] = await runTasks(store, 10);
    await using other = await lockTask(store, held.taskId);

    const last = end(ends, held);
    await Promise.all(free.map((task) => end(ends, task)));

    expect(await store.db.prisma.taskState.count({ where: { status } })).toBe(9);
    expect(await rowOf(store, held.taskId)).toMatchObject({ status: 'running' });
    await other.query('COMMIT');
    await last;
    expect(await rowOf(store, held.taskId)).toMatchObject({ status });
  });

  it('do not wait for an end that meets a lock on another row than its own', async () => {
    const ends = newWriter();
    const [stopped, free] = await runTasks(store, 2);
    await using lock = await lockOut(stopped.taskId);

    const last = ends.succeed(success(stopped));
    await ends.succeed(success(free));

    expect(await rowOf(store, stopped.taskId)).toMatchObject({ status: 'running' });
    await lock.release();
    await last;
    expect(await rowOf(store, stopped.taskId)).toMatchObject({ status: 'succeeded' });
  });

  it('of an attempt that no longer owns its task resolve, and change nothing', async () => {
    const ends = newWriter();
    const [task] = await runTasks(store, 1);
    const before = await rowOf(store, task.taskId);
    const late = { ...task, attempt: 2 };

    await Promise.all([ends.succeed(success(late)), ends.fail(handBack(late))]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
  });
});
