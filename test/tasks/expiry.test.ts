import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { fail, succeedAlone } from '../../src/tasks/life/end.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { giveUp } from '../../src/tasks/workers/workers.ts';
import { submit } from '../support/service.ts';
import { rowOf, runTask, useStore } from '../support/tasks.ts';

const base = useStore();
/** `noop` tasks are kept for half a day, all others for 30. */
const store = {
  get db() {
    return base.db;
  },
  get queue() {
    return base.queue;
  },
  retentionDays: 30,
  retentionDaysByType: { noop: 0.5 },
};

async function daysKept(id: string): Promise<number> {
  const { finishedAt, expiresAt } = await rowOf(store, id);
  return ((expiresAt?.getTime() ?? 0) - (finishedAt?.getTime() ?? 0)) / 86_400_000;
}

describe('a finished task is kept for as long as its type says', () => {
  it('after it has succeeded', async () => {
    const task = await runTask(store);

    await succeedAlone(store, [{ ...task, result: 'null', report: emptyReport }]);

    expect(await daysKept(task.taskId)).toBe(0.5);
  });

  it('after it has failed', async () => {
    const task = await runTask(store);

    await fail(store, [{ ...task, outcome: 'permanent', delaySeconds: 0, report: emptyReport }]);

    expect(await daysKept(task.taskId)).toBe(0.5);
  });

  it('after its worker was lost', async () => {
    const task = await runTask(store, { maxAttempts: 1 });

    await giveUp(store, task.workerId, 'exited', 'killed');

    expect(await daysKept(task.taskId)).toBe(0.5);
  });

  it('after it was cancelled in the queue', async () => {
    const { id } = await submit(store, 'noop', null);

    await cancelTask(store, id);

    expect(await daysKept(id)).toBe(0.5);
  });

  it('or for HEADWAY_RETENTION_DAYS where its type says nothing', async () => {
    const { id } = await submit(store, 'counts', null);

    await cancelTask(store, id);

    expect(await daysKept(id)).toBe(30);
  });
});
