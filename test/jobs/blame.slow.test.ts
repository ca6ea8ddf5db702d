import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { violations } from '../support/invariants.ts';
import { createEffectTable, effectsOf, stepsUpTo, type Task } from '../support/service.ts';
import { isFinished, isUnderWay } from '../support/task-states.ts';
import { useService } from '../support/use-service.ts';

describe('blame', () => {
  // A small heap is soon exhausted.
  beforeAll(() => void vi.stubEnv('NODE_OPTIONS', '--max-old-space-size=256'));
  afterAll(() => void vi.unstubAllEnvs());
  const service = useService({ leaseSeconds: 3 }, createEffectTable);

  /** The steps in the order of their numbers, as tasks that run together write their rows in any order. */
  const stepsOf = async (id: string) =>
    (await effectsOf(service.store, id)).toSorted((one, two) => one - two);

  const submitSteps = (count: number, steps: number) =>
    Promise.all(
      Array.from({ length: count }, () => service.submit('steps', { steps, stepMs: 50 }, { maxAttempts: 1 })),
    );

  /** Nine tasks that are under way. */
  async function startNeighbours(): Promise<Task[]> {
    const neighbours = await submitSteps(9, 30);
    for (const { id } of neighbours) await service.waitFor(id, isUnderWay);
    return neighbours;
  }

  async function expectUnharmed(neighbours: readonly Task[]): Promise<void> {
    for (const { id } of neighbours) {
      const task = await service.waitFor(id, isFinished);
      expect(task).toMatchObject({ status: 'succeeded', failures: 0 });
      expect(task.attempt).toBeLessThanOrEqual(3);
      expect(await stepsOf(id)).toEqual(stepsUpTo(30));
    }
  }

  it('falls on none of ten tasks whose runner is killed', async () => {
    const tasks = await submitSteps(10, 20);
    for (const { id } of tasks) await service.waitFor(id, isUnderWay);

    process.kill(await service.runnerPid(), 'SIGKILL');

    for (const { id } of tasks) {
      const task = await service.waitFor(id, isFinished);
      expect(task).toMatchObject({ status: 'succeeded', attempt: 2, failures: 0, losses: 0 });
      expect(await stepsOf(id)).toEqual(stepsUpTo(20));
    }
  });

  it.each([
    ['abort', 'SIGABRT', 1],
    ['exit', 'exit code 3', 1],
    ['kill', 'SIGKILL', 2],
    ['throwUncaught', 'an error that nothing caught, exit code 1', 1],
    ['exhaustHeap', 'it ran out of memory, ended by SIGABRT', 1],
  ])(
    'falls on the task that kills its worker by %s, and not on its neighbours',
    async (how, words, tries) => {
      const neighbours = await startNeighbours();
      const killer = await service.submit('kills', { how }, { maxAttempts: tries });

      const failed = await service.waitFor(killer.id, isFinished);

      expect(failed).toMatchObject({
        status: 'failed',
        failures: tries,
        error: { code: 'worker_lost', message: expect.stringContaining(words) },
      });
      const kinds = (await service.history(killer.id)).map((entry) => entry.kind);
      expect(kinds.slice(-2)).toEqual(['worker_lost', 'failed']);
      await expectUnharmed(neighbours);
      expect(await violations(service.store)).toEqual([]);
    },
  );

  it('falls in the end on a task that commits a checkpoint each time and then kills its worker', async () => {
    const neighbours = await startNeighbours();
    const killer = await service.submit('kills', { how: 'kill', saves: true }, { maxAttempts: 1 });

    const failed = await service.waitFor(killer.id, isFinished);

    expect(failed).toMatchObject({
      status: 'failed',
      attempt: 10,
      failures: 1,
      losses: 10,
      error: { code: 'worker_lost', message: expect.stringContaining('the last of 10 in a row') },
    });
    await expectUnharmed(neighbours);
    expect(await violations(service.store)).toEqual([]);
  });

  it('falls on a task that kills its worker at the same place each time, which fails when its tries are used up', async () => {
    const { id } = await service.submit('kills', { how: 'kill', afterMs: 20 });

    const failed = await service.waitFor(id, isFinished);

    expect(failed).toMatchObject({ status: 'failed', attempt: 3, failures: 3, losses: 3 });
  });
});
