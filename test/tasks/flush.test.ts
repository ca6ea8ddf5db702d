import { describe, expect, it } from 'vitest';
import { channels } from '../../src/database/names.ts';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { fail, succeedAlone } from '../../src/tasks/life/end.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import type { ProgressReport } from '../../src/tasks/model/progress-report.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { type FlushItem, flushProgress } from '../../src/tasks/progress/flush.ts';
import { readHistory } from '../../src/tasks/queries/read.ts';
import { giveUp } from '../../src/tasks/workers/workers.ts';
import { handBack, success } from '../support/ends.ts';
import { eventually } from '../support/eventually.ts';
import { lockTask, openConnection, openTransaction } from '../support/locks.ts';
import { kindsOf, type RunningTask, rowOf, runTask, runTasks, useStore } from '../support/tasks.ts';

const store = useStore();

function item({ taskId, attempt }: RunningTask, report?: Partial<ProgressReport>): FlushItem {
  return { taskId, attempt, report: report && { ...emptyReport, ...report } };
}

const flush = (workerId: string, ...items: FlushItem[]) => flushProgress(store, workerId, items);
const owned = { kind: 'owned', wasWritten: true, cancelRequested: false };

describe('a flush', () => {
  it('writes what an attempt reports, and raises the version by one', async () => {
    const task = await runTask(store);
    const before = await rowOf(store, task.taskId);
    const report = {
      percentDone: 40,
      done: 4,
      total: 10,
      unit: 'rows',
      ratePerSecond: 2.5,
      etaSeconds: 2.4,
      progressedMsAgo: 0,
      message: 'Reading',
      log: ['one', 'two'],
    };

    expect(await flush(task.workerId, item(task, report))).toEqual([
      { taskId: task.taskId, attempt: 1, ...owned },
    ]);

    const { log, progressedMsAgo, ...shown } = report;
    const after = await rowOf(store, task.taskId);
    const { updatedAt } = after;
    const version = before.version + 1;
    expect(after).toEqual({ ...before, ...shown, version, updatedAt, progressedAt: updatedAt });
    expect(after.updatedAt.getTime()).toBeGreaterThanOrEqual(before.updatedAt.getTime());
    const lines = (await readHistory(store, task.taskId)).filter((event) => event.kind === 'log');
    expect(lines.map((event) => event.detail)).toEqual(log.map((text) => ({ text })));
  });

  it('says when there was progress: not when it was written, and not at a report without progress', async () => {
    const task = await runTask(store);
    const times = async (report: Partial<ProgressReport>) => {
      await flush(task.workerId, item(task, report));
      const { updatedAt, progressedAt, startedAt } = await rowOf(store, task.taskId);
      const written = updatedAt.getTime();
      return { written, progressed: progressedAt?.getTime() ?? 0, started: startedAt?.getTime() ?? 0 };
    };

    const announced = await times({ done: 0, total: 10, message: 'Reading' });
    const moved = await times({ done: 3, total: 10, percentDone: 30, progressedMsAgo: 60_000 });
    const stood = await times({
      done: 3,
      total: 10,
      percentDone: 30,
      progressedMsAgo: 90_000,
      message: 'On',
    });
    const shrunk = await times({ done: 3, total: 6, percentDone: 50, progressedMsAgo: 0 });

    expect(announced.progressed).toBe(announced.started);
    expect(moved.progressed).toBe(moved.written - 60_000);
    expect(stood.progressed).toBe(moved.progressed);
    expect(shrunk.progressed).toBe(shrunk.written);
  });

  it('tells listeners which tasks it has written, once their rows can be read', async () => {
    const [moved, silent] = await runTasks(store, 2);
    await using listener = await openConnection(store);
    const named: (string | undefined)[] = [];
    listener.on('notification', ({ payload }) => named.push(payload));
    await listener.query(`LISTEN ${channels.progress}`);

    await flush(moved.workerId, item(moved, { done: 1 }), item(silent));

    await eventually(() => named.length > 0);
    expect(named).toEqual([moved.taskId]);
  });

  it('changes nothing for an attempt without news, but answers for it', async () => {
    const task = await runTask(store);
    const before = await rowOf(store, task.taskId);

    expect(await flush(task.workerId, item(task))).toEqual([
      { taskId: task.taskId, attempt: 1, ...owned, wasWritten: false },
    ]);

    expect(await rowOf(store, task.taskId)).toEqual(before);
  });

  it('is one statement for all attempts of the runner', async () => {
    const [changed, unchanged, other] = await runTasks(store, 3);

    const answers = await flush(
      changed.workerId,
      item(other, { done: 3, log: ['of the third'] }),
      item(changed, { done: 1, log: ['of the first'] }),
      item(unchanged),
    );

    const byId = answers.toSorted((a, b) => (a.taskId < b.taskId ? -1 : 1));
    expect(byId.map((answer) => answer.kind)).toEqual(['owned', 'owned', 'owned']);
    expect(byId.map((answer) => answer.wasWritten)).toEqual([true, false, true]);
    expect(await rowOf(store, changed.taskId)).toMatchObject({ done: 1 });
    expect(await rowOf(store, other.taskId)).toMatchObject({ done: 3 });
    const versions = await Promise.all([changed, unchanged, other].map((task) => rowOf(store, task.taskId)));
    expect(versions.map((row) => row.version)).toEqual([3, 2, 3]);
    expect((await readHistory(store, other.taskId)).at(-1)?.detail).toEqual({ text: 'of the third' });
  });

  it('never lowers the percentage of a row', async () => {
    const task = await runTask(store);
    await flush(task.workerId, item(task, { percentDone: 50 }));

    await flush(task.workerId, item(task, { percentDone: 20 }));

    expect(await rowOf(store, task.taskId)).toMatchObject({ percentDone: 50 });
  });

  it('passes over a row that somebody has locked, says so, and writes it the next time', async () => {
    const [held, free] = await runTasks(store, 2);
    await using other = await lockTask(store, held.taskId);

    const items = [held, free].map((task) => item(task, { done: 1, log: ['line'] }));
    const answers = await flush(held.workerId, ...items);

    const written = new Map(answers.map((answer) => [answer.taskId, answer.wasWritten]));
    expect(written).toEqual(
      new Map([
        [held.taskId, false],
        [free.taskId, true],
      ]),
    );
    expect(answers.map((answer) => answer.kind)).toEqual(['owned', 'owned']);
    expect(await rowOf(store, held.taskId)).toMatchObject({ done: null, version: 2 });
    expect(await kindsOf(store, held.taskId)).not.toContain('log');
    await other.query('ROLLBACK');
    expect(await flush(held.workerId, ...items)).toMatchObject([{ wasWritten: true }, { wasWritten: true }]);
    expect((await kindsOf(store, held.taskId)).filter((kind) => kind === 'log')).toHaveLength(1);
  });

  it('ignores a lock that does not hold up updates', async () => {
    const task = await runTask(store);
    await using other = await openTransaction(store);
    await other.query('SELECT FROM task_state WHERE id = $1 FOR KEY SHARE', [task.taskId]);

    expect(await flush(task.workerId, item(task, { done: 1 }))).toMatchObject([{ wasWritten: true }]);
  });

  it('reports a request to cancel', async () => {
    const task = await runTask(store);
    await cancelTask(store, task.taskId);

    expect(await flush(task.workerId, item(task))).toMatchObject([{ kind: 'owned', cancelRequested: true }]);
  });

  it.each([
    ['given up', (task: RunningTask) => giveUp(store, task.workerId, 'exited', '')],
    ['ended', (task: RunningTask) => succeedAlone(store, [success(task)])],
    ['handed back', (task: RunningTask) => fail(store, [handBack(task)])],
  ])('says of an attempt that it is no longer owned, and writes nothing: %s', async (_name, end) => {
    const task = await runTask(store);
    await end(task);
    const before = await rowOf(store, task.taskId);

    const answers = await flush(task.workerId, item(task, { done: 5, log: ['late'] }));

    expect(answers).toEqual([
      { taskId: task.taskId, attempt: 1, kind: 'not_owned', wasWritten: false, cancelRequested: false },
    ]);
    expect(await rowOf(store, task.taskId)).toEqual(before);
    expect(await kindsOf(store, task.taskId)).not.toContain('log');
  });

  it('says that an attempt is not owned where another one runs', async () => {
    const task = await runTask(store);

    const answers = await flush(task.workerId, item({ ...task, attempt: 2 }, { done: 5 }));

    expect(answers).toMatchObject([{ attempt: 2, kind: 'not_owned', wasWritten: false }]);
    expect(await rowOf(store, task.taskId)).toMatchObject({ done: null });
  });

  it('says nothing about a row that does not exist', async () => {
    const task = await runTask(store);

    const nobody = { ...task, taskId: newId() };
    const answers = await flush(task.workerId, item(task), item(nobody, { done: 5, log: ['line'] }));

    expect(answers.map((answer) => answer.taskId)).toEqual([task.taskId]);
    expect(await store.db.prisma.taskEvent.count({ where: { taskId: nobody.taskId } })).toBe(0);
  });

  it('tells of tasks that run under this worker without its knowledge, and of no other worker’s tasks', async () => {
    const [known, unknown] = await runTasks(store, 2);
    const elsewhere = await runTask(store);

    const answers = await flush(known.workerId, item(known));

    expect(answers).toHaveLength(2);
    expect(answers).toContainEqual({
      taskId: unknown.taskId,
      attempt: 1,
      kind: 'unknown',
      wasWritten: false,
      cancelRequested: false,
    });
    expect(await flush(known.workerId)).toHaveLength(2);
    expect(await flush(elsewhere.workerId, item(elsewhere))).toHaveLength(1);
  });

  it('waits for no lock where it has nothing to write', async () => {
    const task = await runTask(store);
    await using other = await openTransaction(store);
    await other.query('SELECT FROM task_state FOR UPDATE');

    expect(await flush(task.workerId, item(task))).toMatchObject([{ kind: 'owned' }]);
  });
});
