/** Spares: additional runners that start tasks while another runner stands still. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/tasks/store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { violations } from '../support/invariants.ts';
import { openStore, TestService } from '../support/service.ts';
import { isFinished, isRunning } from '../support/task-states.ts';

describe('while a runner stands still, spares', () => {
  let database: TestDatabase;
  let store: Store & { close(): Promise<void> };
  let service: TestService;

  beforeEach(async () => {
    database = await createTestDatabase();
    store = await openStore(database.url);
  });

  afterEach(async () => {
    await service.stop();
    await store.close();
    await database.drop();
  });

  it('start submitted tasks, and go when the blocked runner, which keeps its lease, turns again', async () => {
    const leaseSeconds = 3;
    service = await TestService.start(store, { leaseSeconds });
    const untilFile = path.join(await mkdtemp(path.join(os.tmpdir(), 'headway-')), 'enough');
    const blocker = await service.submit('compute', { seconds: 600, untilFile });
    const { workerId } = await service.waitFor(blocker.id, isRunning);
    const leaseWouldLapse = sleep(1.5 * leaseSeconds * 1000);

    const tasks = await Promise.all([1, 2, 3].map(() => service.submit('noop', null)));
    const ended = await Promise.all(tasks.map(({ id }) => service.waitFor(id, isFinished)));
    const meanwhile = await service.waitFor(blocker.id, () => true);
    await leaseWouldLapse;
    await writeFile(untilFile, '');

    expect(ended.map(({ status }) => status)).toEqual(tasks.map(() => 'succeeded'));
    expect(meanwhile).toMatchObject({ status: 'running', attempt: 1 });
    const later = await service.submit('waits', { ms: 10 });
    await service.waitFor(later.id, isFinished);
    const end = await service.waitFor(blocker.id, isFinished);
    expect(end).toMatchObject({ status: 'succeeded', attempt: 1 });
    // The spare has no more work and is retired; the runner that was blocked goes on.
    const left = await eventually(async () => {
      const workers = await store.db.prisma.worker.findMany({ where: { lostAt: null } });
      return workers.length === 1 ? workers : undefined;
    });
    expect(left[0]?.id).toBe(workerId);
    expect(await violations(store)).toEqual([]);
  });

  it('start submitted tasks long before the lease of a frozen runner lapses', async () => {
    service = await TestService.start(store, { leaseSeconds: 3_600 });
    const pid = await service.runnerPid();
    process.kill(pid, 'SIGSTOP');

    const { id } = await service.submit('noop', null);
    const ended = await service.waitFor(id, isFinished);

    process.kill(pid, 'SIGCONT');
    expect(ended).toMatchObject({ status: 'succeeded', attempt: 1 });
  });
});
