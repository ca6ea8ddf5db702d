import { beforeEach, describe, expect, it } from 'vitest';
import { LostAttempt, PermanentError } from '../../src/jobs/errors.ts';
import { readAttemptState, writeCheckpoint } from '../../src/tasks/life/checkpoint.ts';
import { type RunSql, succeedAlone } from '../../src/tasks/life/end.ts';
import { emptyReport } from '../../src/tasks/model/progress-report.ts';
import { giveUp } from '../../src/tasks/workers/workers.ts';
import { contextOf, leaveEffect } from '../support/attempt-context.ts';
import { createEffectTable, effectsOf } from '../support/service.ts';
import { rowOf, runTask, useStore } from '../support/tasks.ts';

const store = useStore();

function throwRevoked(): never {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  throw proxy;
}
const alone: RunSql = async (text, values) => (await store.db.pool.query(text, values)).rows;

describe('a checkpoint', () => {
  it('is numbered, and written where it follows the last one', async () => {
    const task = await runTask(store);
    const before = await rowOf(store, task.taskId);

    expect(await writeCheckpoint(task, '{"offset": 1}', 0, alone)).toBe(true);
    expect(await writeCheckpoint(task, '{"offset": 2}', 1, alone)).toBe(true);

    const row = await rowOf(store, task.taskId);
    expect(row).toEqual({ ...before, checkpoint: { offset: 2 }, checkpointNo: 2, checkpointAttempt: 1 });
  });

  it.each([-1, 1, 2])('is not written where the last known number is %i instead of 0', async (knownNo) => {
    const task = await runTask(store);

    expect(await writeCheckpoint(task, '{"offset": 1}', knownNo, alone)).toBe(false);

    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpoint: null, checkpointNo: 0 });
  });

  it('is written by only one of two writers that know the same number', async () => {
    const task = await runTask(store);

    const written = await Promise.all(
      Array.from({ length: 10 }, (_, n) => writeCheckpoint(task, `${n}`, 0, alone)),
    );

    expect(written.filter(Boolean)).toHaveLength(1);
    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpointNo: 1 });
  });

  it('is not written by an attempt that was taken away, nor after the end', async () => {
    const task = await runTask(store);

    expect(await writeCheckpoint({ ...task, attempt: 2 }, '1', 0, alone)).toBe(false);
    await succeedAlone(store, [{ ...task, result: 'null', report: emptyReport }]);
    expect(await writeCheckpoint(task, '1', 0, alone)).toBe(false);
  });

  it('can be read afterwards, together with the state of its attempt', async () => {
    const task = await runTask(store);
    await writeCheckpoint(task, '1', 0, alone);

    expect(await readAttemptState(store, task)).toEqual({ isOwned: true, hasEnded: false, checkpointNo: 1 });
    const other = { ...task, attempt: 2 };
    expect(await readAttemptState(store, other)).toMatchObject({ isOwned: false, hasEnded: false });
    await succeedAlone(store, [{ ...task, result: 'null', report: emptyReport }]);
    expect(await readAttemptState(store, task)).toEqual({ isOwned: false, hasEnded: true, checkpointNo: 1 });
    expect(await readAttemptState(store, other)).toMatchObject({ isOwned: false, hasEnded: false });
    await store.db.prisma.taskState.deleteMany();
    expect(await readAttemptState(store, task)).toEqual({
      isOwned: false,
      hasEnded: false,
      checkpointNo: -1,
    });
  });
});

describe('a job’s checkpoint', () => {
  beforeEach(async () => {
    await store.db.prisma.$executeRaw`DROP TABLE IF EXISTS effect`;
    await createEffectTable(store);
  });

  it('commits together with the job’s writes', async () => {
    const task = await runTask(store);
    const context = contextOf(store, task);

    await context.checkpoint({ step: 1, text: 'a\0b\ud800' }, leaveEffect(task, 1));

    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpoint: { step: 1, text: 'ab\ufffd' } });
    expect(await effectsOf(store, task.taskId)).toEqual([1]);
  });

  it('is not written where the job’s writes fail; the job gets the error, and the next checkpoint is written', async () => {
    const task = await runTask(store);
    const context = contextOf(store, task);
    const refused = context.checkpoint({ step: 1 }, async (tx) => {
      await leaveEffect(task, 1)(tx);
      throw new Error('of the job’s own');
    });

    await expect(refused).rejects.toThrow('of the job’s own');
    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpoint: null, checkpointNo: 0 });
    await context.checkpoint({ step: 2 }, leaveEffect(task, 2));

    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpoint: { step: 2 }, checkpointNo: 1 });
    expect(await effectsOf(store, task.taskId)).toEqual([2]);
  });

  it('of an attempt that was taken away throws LostAttempt, and the job’s writes are rolled back', async () => {
    const task = await runTask(store);
    const context = contextOf(store, task);
    await giveUp(store, task.workerId, 'exited', '');

    await expect(context.checkpoint({ step: 1 }, leaveEffect(task, 1))).rejects.toThrow(LostAttempt);
    await expect(context.finish('done', leaveEffect(task, 2))).rejects.toThrow(LostAttempt);

    expect(await effectsOf(store, task.taskId)).toEqual([]);
    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'queued', checkpoint: null });
  });

  it('is written in the order of the calls, even if the job does not wait for them', async () => {
    const task = await runTask(store);
    const context = contextOf(store, task);

    await Promise.all([1, 2, 3, 4].map((step) => context.checkpoint({ step }, leaveEffect(task, step))));

    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpoint: { step: 4 }, checkpointNo: 4 });
    expect(await effectsOf(store, task.taskId)).toEqual([1, 2, 3, 4]);
  });

  it('is written after one that was refused, even if the job does not wait for them', async () => {
    const task = await runTask(store);
    const context = contextOf(store, task);

    const outcomes = await Promise.allSettled([
      context.checkpoint(10n),
      context.checkpoint({ step: 1 }, async () => Promise.reject(new Error('of the job’s own'))),
      context.checkpoint({ step: 2 }),
    ]);

    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpoint: { step: 2 }, checkpointNo: 1 });
  });

  it.each([
    ['a BigInt', 10n],
    ['an object whose toJSON throws what cannot be read', { toJSON: throwRevoked }],
    ['undefined', undefined],
    ['too large', 'x'.repeat(1024 * 1024)],
  ])('that cannot be stored fails for good: %s', async (_name, state) => {
    const task = await runTask(store);

    await expect(contextOf(store, task).checkpoint(state)).rejects.toThrow(PermanentError);

    expect(await rowOf(store, task.taskId)).toMatchObject({ checkpointNo: 0 });
  });
});
