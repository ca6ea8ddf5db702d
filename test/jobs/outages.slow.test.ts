import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedPostgres } from '../../src/database/embedded/postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import type { Store } from '../../src/tasks/store.ts';
import { killServer, makeDataDir, signalServer, startHere } from '../support/embedded.ts';
import { createEffectTable, effectsOf, openStore, type Task, TestService } from '../support/service.ts';

const leaseSeconds = 3;
const isFinished = (task: Task) => task.finishedAt !== null;
const isRunning = (task: Task) => task.status === 'running' && (task.done ?? 0) > 0;
const stepsUpTo = (last: number) => Array.from({ length: last + 1 }, (_, step) => step);

describe('when PostgreSQL goes away', () => {
  let dataDir: Awaited<ReturnType<typeof makeDataDir>>;
  let postgres: EmbeddedPostgres;
  let store: Store & { close(): Promise<void> };
  let service: TestService;

  beforeEach(async () => {
    dataDir = await makeDataDir();
    postgres = await startHere(dataDir.path);
    await migrate(postgres.url);
    store = await openStore(postgres.url);
    await createEffectTable(store);
    service = await TestService.start(store, { leaseSeconds });
  });

  afterEach(async () => {
    await service.stop();
    await store.close();
    await postgres.stop();
    await dataDir[Symbol.asyncDispose]();
  });

  it('a pause of twice the lease changes nothing: the same attempt goes on, every step once', async () => {
    const { id } = await service.submit('steps', { steps: 60, stepMs: 20, holdMs: 30 }, { maxAttempts: 1 });
    await service.waitFor(id, isRunning);

    for (let pause = 0; pause < 2; pause += 1) {
      await pauseServer(dataDir.path, 2 * leaseSeconds * 1000);
      await sleep(500);
    }

    const task = await service.waitFor(id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
    expect(await effectsOf(store, id)).toEqual(stepsUpTo(60));
  });

  it('a crash and restart changes nothing either', async () => {
    const { id } = await service.submit('steps', { steps: 60, stepMs: 20, holdMs: 30 }, { maxAttempts: 1 });
    await service.waitFor(id, isRunning);

    await killServer(dataDir.path);
    await sleep(2 * leaseSeconds * 1000);
    const again = await startHere(dataDir.path);

    const task = await service.waitFor(id, isFinished);
    await again.stop();
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
    expect(await effectsOf(store, id)).toEqual(stepsUpTo(60));
  });

  it('connections that are cut again and again double nothing', async () => {
    const tasks = await Promise.all(
      [1, 2, 3].map(() => service.submit('steps', { steps: 40, stepMs: 20, holdMs: 20 }, { maxAttempts: 1 })),
    );
    for (const { id } of tasks) await service.waitFor(id, isRunning);

    for (let cut = 0; cut < 15; cut += 1) {
      await cutConnections(store);
      await sleep(100);
    }

    for (const { id } of tasks) {
      const task = await service.waitFor(id, isFinished);
      expect(task).toMatchObject({ status: 'succeeded', failures: 0 });
      expect(await effectsOf(store, id)).toEqual(stepsUpTo(40));
    }
  });

  it('a runner that was to start meanwhile takes tasks within 5 s of its return', async () => {
    const { id } = await service.submit('steps', { steps: 40, stepMs: 50 }, { maxAttempts: 1 });
    await service.waitFor(id, isRunning);
    const pid = await service.runnerPid();
    await killServer(dataDir.path);
    process.kill(pid, 'SIGKILL');
    await sleep(8_000);

    const again = await startHere(dataDir.path);
    const next = await service.submit('noop', null);
    const task = await service.waitFor(next.id, isFinished);

    expect(task).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(await service.waitFor(id, isFinished)).toMatchObject({ failures: 1 });
    await again.stop();
  });

  it('a submit during a restart is answered or refused, and what was answered is run', async () => {
    await killServer(dataDir.path);
    const refused = await service.submit('noop', null).then(
      () => false,
      () => true,
    );
    const again = await startHere(dataDir.path);

    const { id } = await service.submit('noop', null);
    const task = await service.waitFor(id, isFinished);

    await again.stop();
    expect(refused).toBe(true);
    expect(task.status).toBe('succeeded');
  });
});

/** Stops all of the server's processes for a while, as a suspended machine would. */
async function pauseServer(dataDir: string, ms: number): Promise<void> {
  await signalServer(dataDir, 'SIGSTOP');
  await sleep(ms);
  await signalServer(dataDir, 'SIGCONT');
}

async function cutConnections({ db }: Store): Promise<void> {
  await db.pool
    .query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
    )
    .catch(() => undefined);
}
