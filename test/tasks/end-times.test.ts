/** The time of an end whose transaction began long before. */
import { expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { fail, succeedAlone, succeedWithin } from '../../src/tasks/life/end.ts';
import { readHistory } from '../../src/tasks/queries/read.ts';
import { failure, success } from '../support/ends.ts';
import { openTransaction } from '../support/locks.ts';
import { submit } from '../support/service.ts';
import { rowOf, runTask, useStore } from '../support/tasks.ts';

const store = useStore();
const dayMs = 24 * 3600 * 1000;

it('an end in a job’s own transaction has the time of its statement', async () => {
  const task = await runTask(store);
  await using job = await openTransaction(store);
  const { rows: begun } = await job.query<{ now: Date }>('SELECT now()');
  await job.query('SELECT pg_sleep(0.05)');
  const { rows: before } = await job.query<{ now: Date }>('SELECT clock_timestamp() AS now');

  await succeedWithin(store, success(task), async (text, values) => (await job.query(text, values)).rows);
  await job.query('COMMIT');

  const row = await rowOf(store, task.taskId);
  const [event] = (await readHistory(store, task.taskId)).filter(({ kind }) => kind === 'succeeded');
  const earliestMs = before[0]?.now.getTime() ?? Number.NaN;
  expect(begun[0]?.now.getTime()).toBeLessThan(earliestMs);
  expect(row.finishedAt?.getTime()).toBeGreaterThanOrEqual(earliestMs);
  expect(row.updatedAt).toEqual(row.finishedAt);
  expect(event?.at).toEqual(row.finishedAt);
  expect((row.expiresAt?.getTime() ?? 0) - (row.finishedAt?.getTime() ?? 0)).toBe(30 * dayMs);
});

it('every end has one time, in its row, its error and its history', async () => {
  const succeeded = await runTask(store);
  await succeedAlone(store, [success(succeeded)]);
  const failed = await runTask(store, { maxAttempts: 1 });
  await fail(store, [failure(failed)]);
  const { id: cancelled } = await submit(store, 'noop', null);
  await cancelTask(store, cancelled);

  for (const id of [succeeded.taskId, failed.taskId, cancelled]) {
    const { finishedAt, updatedAt, error } = await rowOf(store, id);
    const event = (await readHistory(store, id)).at(-1);
    expect(updatedAt).toEqual(finishedAt);
    // Columns are rounded to milliseconds, but the time in the error is not.
    const errorAt = error === null ? finishedAt : (error as { at: string }).at;
    for (const at of [event?.at, new Date(errorAt ?? Number.NaN)]) {
      expect(Math.abs(Number(at) - Number(finishedAt))).toBeLessThanOrEqual(1);
    }
  }
});
