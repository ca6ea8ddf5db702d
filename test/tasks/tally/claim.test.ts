/** A claim copies how long runs usually take into the row. */
import { expect, it } from 'vitest';
import { fail, succeedAlone } from '../../../src/tasks/life/end.ts';
import { foldTally } from '../../../src/tasks/tally/fold.ts';
import { failure, success } from '../../support/ends.ts';
import { addTallied } from '../../support/tally.ts';
import { rowOf, runTask, runTasks, takeAll, useStore } from '../../support/tasks.ts';

const store = useStore();

const usual = async (id: string) => {
  const { usualP50Seconds, usualP90Seconds, usualRuns } = await rowOf(store, id);
  return [usualP50Seconds, usualP90Seconds, usualRuns];
};

it('nothing while fewer than five runs are known', async () => {
  await addTallied(store, 'noop', [[1_000, 1_000, 1_000, 1_000]]);
  await foldTally(store.db.pool);

  const { taskId } = await runTask(store);

  expect(await usual(taskId)).toEqual([null, null, null]);
});

it('what is known at that moment, and no more until the next attempt', async () => {
  await addTallied(store, 'noop', [
    [1_000, 2_000, 3_000, 4_000],
    [5_000, 6_000, 7_000, 8_000, 9_000],
  ]);
  await addTallied(store, 'other', [[60_000, 60_000, 60_000, 60_000, 60_000]]);
  await foldTally(store.db.pool);
  const task = await runTask(store);
  expect(await usual(task.taskId)).toEqual([5, 9, 9]);

  await addTallied(store, 'noop', [[20_000]]);
  await foldTally(store.db.pool);
  expect(await usual(task.taskId)).toEqual([5, 9, 9]);
  await fail(store, [failure(task)]);
  expect(await usual(task.taskId)).toEqual([5, 9, 9]);
  await takeAll(store, task.workerId);

  expect(await usual(task.taskId)).toEqual([5.5, 18.9, 10]);
});

it('of whole successes alone', async () => {
  const tasks = await runTasks(store, 7, { maxAttempts: 5 });
  const failed = tasks.slice(5);
  await fail(
    store,
    failed.map((task) => failure(task)),
  );
  await store.db.pool.query(`UPDATE task_state SET checkpoint_no = 1 WHERE status = 'queued'`);
  await takeAll(store, tasks[0]?.workerId ?? '');
  await succeedAlone(
    store,
    failed.map((task) => success({ ...task, attempt: 2 })),
  );
  await foldTally(store.db.pool);
  expect(await store.db.prisma.taskUsual.count()).toBe(0);

  await succeedAlone(
    store,
    tasks.slice(0, 5).map((task) => success(task)),
  );
  await foldTally(store.db.pool);

  expect(await store.db.prisma.taskUsual.findFirst()).toMatchObject({ type: 'noop', runs: 5 });
});
