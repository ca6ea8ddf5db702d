import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/tasks/store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive } from '../support/process.ts';
import { createEffectTable, effectsOf, openStore, type Task, TestService } from '../support/service.ts';
import { fetchByHand } from '../support/tasks.ts';

const leaseSeconds = 3;
const isFinished = (task: Task) => task.finishedAt !== null;
const isRunning = (task: Task) => task.status === 'running' && (task.done ?? 0) > 0;
const stepsUpTo = (last: number) => Array.from({ length: last + 1 }, (_, step) => step);

describe('when a runner dies', () => {
  let database: TestDatabase;
  let store: Store & { close(): Promise<void> };
  let service: TestService;

  beforeEach(async () => {
    database = await createTestDatabase();
    store = await openStore(database.url);
    await createEffectTable(store);
    service = await TestService.start(store, { leaseSeconds });
  });

  afterEach(async () => {
    await service.stop();
    await store.close();
    await database.drop();
  });

  it('a killed worker’s task is retried from its checkpoint within 2 s, and says so', async () => {
    const { id } = await service.submit('steps', { steps: 30, stepMs: 50 });
    await service.waitFor(id, isRunning);

    process.kill(await service.runnerPid(), 'SIGKILL');

    const told = await service.waitFor(id, (task) => task.failures === 1);
    expect(told.error).toMatchObject({ code: 'worker_lost', message: expect.stringContaining('SIGKILL') });
    const task = await service.waitFor(id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2, result: { attempts: [1, 2] } });
    expect(await effectsOf(store, id)).toEqual(stepsUpTo(30));
    const kinds = (await service.history(id)).map((entry) => entry.kind);
    expect(kinds).toEqual(['submitted', 'started', 'worker_lost', 'started', 'succeeded']);
  });

  it('tasks lost in company are not to blame', async () => {
    const tasks = await Promise.all(
      [1, 2, 3].map(() => service.submit('steps', { steps: 20, stepMs: 50 }, { maxAttempts: 1 })),
    );
    for (const { id } of tasks) await service.waitFor(id, isRunning);

    process.kill(await service.runnerPid(), 'SIGKILL');

    for (const { id } of tasks) {
      const task = await service.waitFor(id, isFinished);
      expect(task).toMatchObject({ status: 'succeeded', attempt: 2, failures: 0 });
      expect(await effectsOf(store, id)).toEqual(stepsUpTo(20));
    }
  });

  it('a task whose runner dies at each of its tries fails and names the cause', async () => {
    const { id } = await service.submit('steps', { steps: 1000, stepMs: 50 }, { maxAttempts: 2 });

    for (const attempt of [1, 2]) {
      await service.waitFor(id, (task) => task.attempt === attempt && isRunning(task));
      process.kill(await service.runnerPid(), 'SIGKILL');
    }

    const task = await service.waitFor(id, isFinished);
    expect(task).toMatchObject({ status: 'failed', failures: 2, error: { code: 'worker_lost' } });
    const kinds = (await service.history(id)).map((entry) => entry.kind);
    expect(kinds.slice(-2)).toEqual(['worker_lost', 'failed']);
  });

  it('one that was stopped past its lease is taken over, changes nothing when it wakes, and ends itself', async () => {
    const { id } = await service.submit('steps', { steps: 20, stepMs: 20, holdMs: 200 });
    await service.waitFor(id, isRunning);
    const pid = await service.runnerPid();

    process.kill(pid, 'SIGSTOP');
    await service.waitFor(id, (task) => task.attempt === 2 && isRunning(task));
    process.kill(pid, 'SIGCONT');

    await eventually(() => !isAlive(pid));
    const task = await service.waitFor(id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(await effectsOf(store, id)).toEqual(stepsUpTo(20));
  });

  it('one whose job computes without yielding keeps its lease', async () => {
    const { id } = await service.submit('compute', { seconds: 3 * leaseSeconds });

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('one that stops in good order hands its tasks back, no try spent', async () => {
    const { id } = await service.submit('steps', { steps: 40, stepMs: 50 }, { maxAttempts: 1 });
    await service.waitFor(id, isRunning);

    await service.stop(300);

    const queued = await service.waitFor(id, (task) => task.status === 'queued');
    expect(queued).toMatchObject({ failures: 0, attempt: 1, error: null });
    service = await TestService.start(store, { leaseSeconds });
    const task = await service.waitFor(id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(await effectsOf(store, id)).toEqual(stepsUpTo(40));
  });

  it('one that is told to stop while it starts takes nothing', async () => {
    process.kill(await service.runnerPid(), 'SIGKILL');
    await eventually(() => service.supervisor.exits.of('died') === 1);

    const stopped = service.stop(10_000);
    const { id } = await service.submit('steps', { steps: 1000, stepMs: 50 });
    await stopped;

    const task = await service.waitFor(id, () => true);
    expect(task).toMatchObject({ status: 'queued', attempt: 0 });
  });

  it('the next takes its place at once, however often it happens', async () => {
    const killed = new Set<number>();
    for (let kills = 0; kills < 6; kills += 1) {
      const pid = await eventually(async () => {
        const next = await service.runnerPid();
        return killed.has(next) ? undefined : next;
      });
      process.kill(pid, 'SIGKILL');
      killed.add(pid);
      await eventually(() => service.supervisor.exits.of('died') === killed.size);
    }

    const { id } = await service.submit('noop', null);

    await service.waitFor(id, isFinished);
  });

  it('nor do tasks that end their runner as they begin hold up the others', async () => {
    for (let tasks = 0; tasks < 6; tasks += 1) {
      const { id } = await service.submit('kills', { how: 'exit' }, { maxAttempts: 1 });
      await service.waitFor(id, isFinished);
    }

    const { id } = await service.submit('noop', null);

    await service.waitFor(id, isFinished);
  });

  it('a queued task whose entry was taken by hand and never claimed is queued again', async () => {
    await service.stop();
    const { id } = await service.submit('noop', null);
    await fetchByHand(store);

    service = await TestService.start(store, { leaseSeconds });

    const task = await service.waitFor(id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
    expect((await service.history(id)).map((entry) => entry.kind)).toContain('requeued');
  });
});
