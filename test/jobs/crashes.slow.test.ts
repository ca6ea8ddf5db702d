import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { fetchByHand } from '../support/queue-entries.ts';
import { createEffectTable, effectsOf, stepsUpTo } from '../support/service.ts';
import { isFinished, isUnderWay } from '../support/task-states.ts';
import { useService } from '../support/use-service.ts';

// The chaos tests cover runners that are stopped past their lease, or killed together with their parents.
describe('when a runner dies', () => {
  /** For each runner that has ended: how many runners existed when its tasks had been taken back. */
  let left: number[] = [];

  const log = pino(
    {},
    {
      write(line: string) {
        if ((JSON.parse(line) as { msg: string }).msg !== 'runner ended') return;
        left.push(service.supervisor.census('shared').runners);
      },
    },
  );
  const service = useService({ leaseSeconds: 3, log }, createEffectTable);

  it('a killed worker’s task is retried from its checkpoint, and says so', async () => {
    const { id } = await service.submit('steps', { steps: 30, stepMs: 50 });
    await service.waitFor(id, isUnderWay);

    process.kill(await service.runnerPid(), 'SIGKILL');

    const told = await service.waitFor(id, (task) => task.losses === 1);
    expect(told.failures).toBe(0);
    expect(told.error).toMatchObject({ code: 'worker_lost', message: expect.stringContaining('SIGKILL') });
    const task = await service.waitFor(id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2, result: { attempts: [1, 2] } });
    expect(await effectsOf(service.store, id)).toEqual(stepsUpTo(30));
    const kinds = (await service.history(id)).map((entry) => entry.kind);
    expect(kinds).toEqual(['submitted', 'started', 'worker_lost', 'started', 'succeeded']);
  });

  it('another runner takes its place at once, however often runners die', async () => {
    left = [];
    for (let kills = 1; kills <= 3; kills += 1) {
      const { id } = await service.submit('noop', null);
      await service.waitFor(id, isFinished);
      process.kill(await service.runnerPid(), 'SIGKILL');
      await eventually(() => left.length === kills);
    }

    const { id } = await service.submit('noop', null);

    await service.waitFor(id, isFinished);
    expect(left).not.toContain(0);
  });

  it('tasks that end their runner as they begin do not hold up other tasks', async () => {
    left = [];
    for (let ends = 1; ends <= 3; ends += 1) {
      const { id } = await service.submit('kills', { how: 'exit' }, { maxAttempts: 1 });
      await service.waitFor(id, isFinished);
      await eventually(() => left.length === ends);
    }

    const { id } = await service.submit('noop', null);

    await service.waitFor(id, isFinished);
    expect(left).not.toContain(0);
  });

  it('a runner that is asked to stop hands its tasks back, and they lose no try', async () => {
    const { id } = await service.submit('steps', { steps: 40, stepMs: 50 }, { maxAttempts: 1 });
    await service.waitFor(id, isUnderWay);

    await service.stop(300);

    const queued = await service.waitFor(id, (task) => task.status === 'queued');
    expect(queued).toMatchObject({ failures: 0, attempt: 1, error: null });
    await service.startAgain();
    const task = await service.waitFor(id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(await effectsOf(service.store, id)).toEqual(stepsUpTo(40));
  });

  it('a runner that is told to stop while it starts takes no task', async () => {
    // On a busy machine a spare may run, which would take the submitted task: wait until there is one runner.
    await eventually(
      async () => (await service.store.db.prisma.worker.count({ where: { lostAt: null } })) === 1,
    );
    process.kill(await service.runnerPid(), 'SIGKILL');
    await eventually(() => service.supervisor.exits.of('died') === 1);

    const stopped = service.stop(10_000);
    const { id } = await service.submit('noop', null);
    await stopped;

    const task = await service.waitFor(id, () => true);
    expect(task).toMatchObject({ status: 'queued', attempt: 0 });
  });

  it('a queued task whose entry was taken by hand and never claimed is queued again', async () => {
    await service.stop();
    await service.store.db.pool.query(`DELETE FROM pgboss.job WHERE name = 'noop'`);
    const { id } = await service.submit('noop', null);
    await fetchByHand(service.store);

    await service.startAgain();

    const task = await service.waitFor(id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
    expect((await service.history(id)).map((entry) => entry.kind)).toContain('requeued');
  });
});
