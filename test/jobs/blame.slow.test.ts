import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/tasks/store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { violations } from '../support/invariants.ts';
import { createEffectTable, effectsOf, openStore, type Task, TestService } from '../support/service.ts';

const isFinished = (task: Task) => task.finishedAt !== null;
const isRunning = (task: Task) => task.status === 'running' && (task.done ?? 0) > 0;
const stepsUpTo = (last: number) => Array.from({ length: last + 1 }, (_, step) => step);

describe('blame', () => {
  let database: TestDatabase;
  let store: Store & { close(): Promise<void> };
  let service: TestService;
  let nodeOptions: string | undefined;

  beforeAll(async () => {
    nodeOptions = process.env.NODE_OPTIONS;
    // A small heap is soon exhausted.
    process.env.NODE_OPTIONS = '--max-old-space-size=256';
    database = await createTestDatabase();
    store = await openStore(database.url);
    await createEffectTable(store);
    service = await TestService.start(store, { leaseSeconds: 3 });
  });

  afterAll(async () => {
    await service.stop();
    await store.close();
    await database.drop();
    if (nodeOptions === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = nodeOptions;
  });

  /** The steps in the order of their numbers, as tasks that run together write their rows in any order. */
  const stepsOf = async (id: string) => (await effectsOf(store, id)).toSorted((one, two) => one - two);

  const submitSteps = (count: number, steps: number) =>
    Promise.all(
      Array.from({ length: count }, () => service.submit('steps', { steps, stepMs: 50 }, { maxAttempts: 1 })),
    );

  it('falls on none of ten tasks whose runner is killed', async () => {
    const tasks = await submitSteps(10, 20);
    for (const { id } of tasks) await service.waitFor(id, isRunning);

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
      const neighbours = await submitSteps(9, 30);
      for (const { id } of neighbours) await service.waitFor(id, isRunning);
      const killer = await service.submit('kills', { how }, { maxAttempts: tries });

      const failed = await service.waitFor(killer.id, isFinished);

      expect(failed).toMatchObject({
        status: 'failed',
        failures: tries,
        error: { code: 'worker_lost', message: expect.stringContaining(words) },
      });
      const kinds = (await service.history(killer.id)).map((entry) => entry.kind);
      expect(kinds.slice(-2)).toEqual(['worker_lost', 'failed']);
      for (const { id } of neighbours) {
        const task = await service.waitFor(id, isFinished);
        expect(task).toMatchObject({ status: 'succeeded', failures: 0 });
        expect(task.attempt).toBeLessThanOrEqual(3);
        expect(await stepsOf(id)).toEqual(stepsUpTo(30));
      }
      expect(await violations(store)).toEqual([]);
    },
  );

  it('falls in the end on a task that commits a checkpoint each time and then kills its worker', async () => {
    const neighbours = await submitSteps(9, 30);
    for (const { id } of neighbours) await service.waitFor(id, isRunning);
    const killer = await service.submit('kills', { how: 'kill', saves: true }, { maxAttempts: 1 });

    const failed = await service.waitFor(killer.id, isFinished);

    expect(failed).toMatchObject({
      status: 'failed',
      attempt: 10,
      failures: 1,
      losses: 10,
      error: { code: 'worker_lost', message: expect.stringContaining('the last of 10 in a row') },
    });
    for (const { id } of neighbours) {
      const task = await service.waitFor(id, isFinished);
      expect(task).toMatchObject({ status: 'succeeded', failures: 0 });
      expect(task.attempt).toBeLessThanOrEqual(3);
      expect(await stepsOf(id)).toEqual(stepsUpTo(30));
    }
    expect(await violations(store)).toEqual([]);
  });

  it('falls on a task that kills its worker at the same place each time, which fails when its tries are used up', async () => {
    const { id } = await service.submit('kills', { how: 'kill', afterMs: 20 });

    const failed = await service.waitFor(id, isFinished);

    expect(failed).toMatchObject({ status: 'failed', attempt: 3, failures: 3, losses: 3 });
  });
});
