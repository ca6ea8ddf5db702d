import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { DatabaseContact } from '../../src/jobs/contact.ts';
import { EndWriter } from '../../src/jobs/end-writer.ts';
import {
  emptyReport,
  kindsOf,
  liveEntries,
  type RunningTask,
  rowOf,
  runTasks,
  useStore,
} from '../support/tasks.ts';

const store = useStore();
const newWriter = () =>
  new EndWriter({ store, contact: new DatabaseContact(), log: pino({ level: 'silent' }) });

const success = ({ taskId, attempt }: RunningTask, result = 'null') => ({
  taskId,
  attempt,
  result,
  report: emptyReport,
});
const handBack = ({ taskId, attempt }: RunningTask) => ({
  taskId,
  attempt,
  outcome: 'handed_back' as const,
  delaySeconds: 0,
  report: emptyReport,
});

/** JSON that PostgreSQL refuses for its depth. */
const tooDeep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

describe('ends', () => {
  it('that are ready in the same turn share a statement', async () => {
    const ends = newWriter();
    const tasks = await runTasks(store, 50);
    const query = vi.spyOn(store.db.pool, 'query');

    await Promise.all(tasks.map((task) => ends.succeed(success(task))));

    const statements = query.mock.calls.length;
    query.mockRestore();
    expect(statements).toBe(1);
    expect(await store.db.prisma.taskState.count({ where: { status: 'succeeded' } })).toBe(50);
  });

  it('of more than fit in one statement are all written', async () => {
    const ends = newWriter();
    const tasks = await runTasks(store, 130);

    await Promise.all(tasks.map((task) => ends.fail(handBack(task))));

    expect(await store.db.prisma.taskState.count({ where: { status: 'queued' } })).toBe(130);
    expect(await liveEntries(store)).toHaveLength(130);
  });

  it('that come while others are written are written after them', async () => {
    const ends = newWriter();
    const [first, second] = (await runTasks(store, 2)) as [RunningTask, RunningTask];

    const written = ends.succeed(success(first));
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([written, ends.succeed(success(second))]);

    expect(await store.db.prisma.taskState.count({ where: { status: 'succeeded' } })).toBe(2);
  });

  it('of which one can never be written: that one has failed, with a code, and the others are written', async () => {
    const ends = newWriter();
    const [one, bad, other] = (await runTasks(store, 3)) as [RunningTask, RunningTask, RunningTask];
    const log = ['a line of the one that fails'];

    await Promise.all([
      ends.succeed(success(one)),
      ends.succeed({ ...success(bad, tooDeep), report: { ...emptyReport, log } }),
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

  it('of a failure that can never be written: it has failed without its words, and later ones are written', async () => {
    const ends = newWriter();
    const [bad, later] = (await runTasks(store, 2)) as [RunningTask, RunningTask];
    const failure = {
      outcome: 'failed',
      error: { code: 'broken', message: 'it broke' },
      report: emptyReport,
    } as const;

    await ends.fail({ ...bad, ...failure, delaySeconds: Number.NaN });
    await ends.fail({ ...later, ...failure, delaySeconds: 1 });

    expect(await rowOf(store, bad.taskId)).toMatchObject({
      status: 'failed',
      error: { code: 'end_not_written' },
    });
    expect(await rowOf(store, later.taskId)).toMatchObject({ error: { code: 'broken' } });
  });

  it('of an attempt that was taken away resolve, and change nothing', async () => {
    const ends = newWriter();
    const [task] = (await runTasks(store, 1)) as [RunningTask];
    const before = await rowOf(store, task.taskId);
    const late = { ...task, attempt: 2 };

    await Promise.all([ends.succeed(success(late)), ends.fail(handBack(late))]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
  });
});
