import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { eventually } from '../support/eventually.ts';
import { violations } from '../support/invariants.ts';
import { isFinished, isRunning } from '../support/task-states.ts';
import { useService } from '../support/use-service.ts';

describe('the runners of a service', () => {
  // An overdue attempt is ended after two thirds of the lease.
  const service = useService({ leaseSeconds: 3 });

  const pids = async (slots: number) => {
    const workers = await service.store.db.prisma.worker.findMany({ where: { slots } });
    return workers.map((worker) => worker.pid);
  };

  const workerOf = async (id: string) => {
    const { workerId } = await service.waitFor(id, isRunning);
    return service.store.db.prisma.worker.findUniqueOrThrow({ where: { id: workerId ?? '' } });
  };

  it('run isolated jobs one at a time in solo runners, which are used again', async () => {
    const tasks = await Promise.all([1, 2, 3, 4, 5].map(() => service.submit('isolated', { ms: 400 })));

    const ended = await Promise.all(tasks.map(({ id }) => service.waitFor(id, isFinished)));

    expect(ended.map(({ status }) => status)).toEqual(tasks.map(() => 'succeeded'));
    const solo = await pids(1);
    expect(solo.length).toBeLessThanOrEqual(2);
    for (const { result } of ended) expect(solo).toContain((result as { pid: number }).pid);
    const intervals = ended.map(({ startedAt, finishedAt, result }) => ({
      from: Number(startedAt),
      to: Number(finishedAt),
      pid: (result as { pid: number }).pid,
    }));
    const overlapping = intervals.filter((one) =>
      intervals.some((other) => other.pid === one.pid && other.from > one.from && other.from < one.to),
    );
    expect(overlapping).toEqual([]);
    expect(await violations(service.store)).toEqual([]);
  });

  it('end an attempt that ignores its deadline while the loop turns, and then its process', async () => {
    const { id } = await service.submit('stubborn', { seconds: 60, isBlocking: false }, { maxAttempts: 1 });
    const pid = (await workerOf(id)).pid;

    const ended = await service.waitFor(id, isFinished);

    expect(ended).toMatchObject({ status: 'failed', failures: 1, error: { code: 'timeout' } });
    await eventually(async () => (await service.runnerPid()) !== pid);
  });

  it('end an attempt that blocks the loop past its deadline: it times out, and its neighbour loses no try', async () => {
    const neighbour = await service.submit('counts', { names: 100, stepMs: 50 }, { maxAttempts: 1 });
    await service.waitFor(neighbour.id, isRunning);
    const { id } = await service.submit('stubborn', { seconds: 60, isBlocking: true }, { maxAttempts: 1 });

    const ended = await service.waitFor(id, isFinished);

    expect(ended).toMatchObject({ status: 'failed', attempt: 1, failures: 1, error: { code: 'timeout' } });
    const gone = await service.waitFor(neighbour.id, isFinished);
    expect(gone).toMatchObject({ status: 'succeeded', failures: 0 });
    expect(await violations(service.store)).toEqual([]);
  });

  it('cancel a task whose job ignores its signal, whether its loop turns or not', async () => {
    const inputs = { waits: { ms: 60_000, ignoresSignal: true }, compute: { seconds: 60 } };
    for (const [type, input] of Object.entries(inputs)) {
      const { id } = await service.submit(type, input);
      await service.waitFor(id, isRunning);

      await cancelTask(service.store, id);

      const ended = await service.waitFor(id, isFinished);
      expect(ended).toMatchObject({ status: 'cancelled', attempt: 1, failures: 0 });
    }
    expect(await violations(service.store)).toEqual([]);
  });
});
