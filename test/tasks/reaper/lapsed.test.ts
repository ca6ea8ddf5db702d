import { describe, expect, it } from 'vitest';
import { reapLapsed } from '../../../src/tasks/reaper/lapsed.ts';
import { renewLeaseSql } from '../../../src/tasks/workers/lease.ts';
import { giveUp } from '../../../src/tasks/workers/workers.ts';
import { eventually } from '../../support/eventually.ts';
import { databaseTime, freshTime, lapse, renewLease, workerRow } from '../../support/leases.ts';
import { openTransaction, untilBlocked } from '../../support/locks.ts';
import { submit } from '../../support/service.ts';
import { runTask, runTasks, startWorker, useStore } from '../../support/tasks.ts';

const store = useStore();

describe('reaping', () => {
  it('marks a worker lost whose lease has lapsed, with what it was running', async () => {
    const [task] = await runTasks(store, 2);
    await lapse(store, task.workerId);

    expect(await reapLapsed(store, await freshTime(store))).toEqual([task.workerId]);

    expect(await workerRow(store, task.workerId)).toMatchObject({
      lostAt: expect.any(Date),
      lostReason: 'lease_lapsed: it was not heard from',
      lostWith: 2,
    });
  });

  it('leaves a worker alone whose lease holds', async () => {
    const workerId = await startWorker(store);

    expect(await reapLapsed(store, await freshTime(store))).toEqual([]);

    expect(await workerRow(store, workerId)).toMatchObject({ lostAt: null });
  });

  it('finds the lapsed workers among many', async () => {
    const [lapsed, holding, alsoLapsed] = [
      await startWorker(store),
      await startWorker(store),
      await startWorker(store),
    ];
    await lapse(store, lapsed);
    await lapse(store, alsoLapsed);

    const reaped = await reapLapsed(store, await freshTime(store));

    expect(reaped.sort()).toEqual([lapsed, alsoLapsed].sort());
    expect(await workerRow(store, holding)).toMatchObject({ lostAt: null });
  });

  it('changes nothing of a worker that was given up before', async () => {
    const workerId = await startWorker(store);
    await giveUp(store, workerId, 'exited', 'ended by SIGKILL');
    await lapse(store, workerId);
    const before = await workerRow(store, workerId);

    expect(await reapLapsed(store, await freshTime(store))).toEqual([]);

    expect(await workerRow(store, workerId)).toEqual(before);
  });

  it('does nothing where the last answer of the database is over 2 s old: the statement was stuck', async () => {
    const workerId = await startWorker(store);
    await lapse(store, workerId);

    expect(await reapLapsed(store, await databaseTime(store, 2.1))).toEqual([]);
    expect(await workerRow(store, workerId)).toMatchObject({ lostAt: null });

    // On a busy machine more than a second may pass before the statement.
    const reaped = await eventually(async () => (await reapLapsed(store, await databaseTime(store, 1)))[0]);
    expect(reaped).toBe(workerId);
  });

  it('does nothing while it is another process’s turn', async () => {
    const workerId = await startWorker(store);
    await lapse(store, workerId);
    await using other = await openTransaction(store);
    await other.query('SELECT pg_advisory_xact_lock(1212503, 1)');

    expect(await reapLapsed(store, await freshTime(store))).toEqual([]);
    expect(await workerRow(store, workerId)).toMatchObject({ lostAt: null });

    await other.query('COMMIT');
    expect(await reapLapsed(store, await freshTime(store))).toEqual([workerId]);
  });

  it('ten times at once reaps once', async () => {
    const workerId = await startWorker(store);
    await lapse(store, workerId);
    const time = await freshTime(store);

    const reaped = await Promise.all(Array.from({ length: 10 }, () => reapLapsed(store, time)));

    expect(reaped.flat()).toEqual([workerId]);
  });

  it('leaves a worker that is claiming at this moment to the next turn, and counts what it claimed then', async () => {
    const task = await runTask(store);
    await submit(store, 'noop', null);
    await lapse(store, task.workerId);
    await using claiming = await openTransaction(store);
    await claiming.query('SELECT FROM worker WHERE id = $1 AND lost_at IS NULL FOR SHARE', [task.workerId]);
    await claiming.query(
      `UPDATE task_state SET status = 'running', worker_id = $1, entry_id = NULL WHERE status = 'queued'`,
      [task.workerId],
    );

    expect(await reapLapsed(store, await freshTime(store))).toEqual([]);
    await claiming.query('COMMIT');

    expect(await reapLapsed(store, await freshTime(store))).toEqual([task.workerId]);
    expect(await workerRow(store, task.workerId)).toMatchObject({ lostWith: 2 });
  });

  it('spares a worker that renews its lease at this moment', async () => {
    const workerId = await startWorker(store);
    await lapse(store, workerId);
    await using renewing = await openTransaction(store);
    await renewing.query(renewLeaseSql, [workerId, 15, 0]);

    expect(await reapLapsed(store, await freshTime(store))).toEqual([]);
    await renewing.query('COMMIT');

    expect(await reapLapsed(store, await freshTime(store))).toEqual([]);
    expect(await workerRow(store, workerId)).toMatchObject({ lostAt: null });
  });
});

describe('renewing a lease', () => {
  it('extends it, and stores when the loop last turned', async () => {
    const workerId = await startWorker(store, 1);
    const before = await workerRow(store, workerId);

    expect(await renewLease(store, workerId, 15, 0)).toBe(true);

    const after = await workerRow(store, workerId);
    expect(after.leaseExpiresAt.getTime()).toBeGreaterThan(before.leaseExpiresAt.getTime() + 13_000);
    expect(after.heardAt.getTime()).toBeGreaterThan(before.heardAt.getTime());
  });

  it('never sets back the time at which the loop was last heard from', async () => {
    const workerId = await startWorker(store);
    const before = await workerRow(store, workerId);

    await renewLease(store, workerId, 15, 60_000);

    expect((await workerRow(store, workerId)).heardAt).toEqual(before.heardAt);
  });

  it('revives a lease that has lapsed, as long as nobody has given the worker up', async () => {
    const workerId = await startWorker(store);
    await lapse(store, workerId);

    expect(await renewLease(store, workerId)).toBe(true);
    expect(await reapLapsed(store, await freshTime(store))).toEqual([]);

    await lapse(store, workerId);
    await reapLapsed(store, await freshTime(store));
    const lost = await workerRow(store, workerId);
    expect(await renewLease(store, workerId)).toBe(false);
    expect(await workerRow(store, workerId)).toEqual(lost);
  });

  it('waits while somebody gives the worker up, and then fails', async () => {
    const workerId = await startWorker(store);
    await using other = await openTransaction(store);
    await other.query('UPDATE worker SET lost_at = now() WHERE id = $1', [workerId]);

    const renewed = renewLease(store, workerId);
    await untilBlocked(store);
    await other.query('COMMIT');

    expect(await renewed).toBe(false);
  });
});
