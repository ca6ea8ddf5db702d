import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { renewLeaseSql } from '../../src/tasks/lease.ts';
import { Reaper, reapLapsed, requeueStranded } from '../../src/tasks/reaper.ts';
import { giveUp } from '../../src/tasks/workers.ts';
import { eventually } from '../support/eventually.ts';
import { submit } from '../support/service.ts';
import {
  kindsOf,
  liveEntries,
  lockWaiters,
  openRaw,
  type RunningTask,
  rowOf,
  runTask,
  runTasks,
  startWorker,
  takeAll,
  useStore,
} from '../support/tasks.ts';

const store = useStore();

/** The database's clock, `secondsAgo` ago. */
async function databaseTime(secondsAgo = 0): Promise<Date> {
  const { rows } = await store.db.pool.query<{ at: Date }>(
    'SELECT clock_timestamp() - make_interval(secs => $1) AS at',
    [secondsAgo],
  );
  if (!rows[0]) throw new Error('no time');
  return rows[0].at;
}

const workerRow = (id: string) => store.db.prisma.worker.findUniqueOrThrow({ where: { id } });

async function lapse(workerId: string): Promise<void> {
  await store.db.pool.query(`UPDATE worker SET lease_expires_at = now() - interval '1 ms' WHERE id = $1`, [
    workerId,
  ]);
}

async function renew(workerId: string, leaseSeconds = 15, loopAgeMs = 0): Promise<boolean> {
  const { rowCount } = await store.db.pool.query(renewLeaseSql, [workerId, leaseSeconds, loopAgeMs]);
  return rowCount === 1;
}

describe('reaping', () => {
  it('marks a worker lost whose lease has lapsed, with what it was running', async () => {
    const [task] = (await runTasks(store, 2)) as [RunningTask, RunningTask];
    await lapse(task.workerId);

    expect(await reapLapsed(store, await databaseTime())).toEqual([task.workerId]);

    expect(await workerRow(task.workerId)).toMatchObject({
      lostAt: expect.any(Date),
      lostReason: 'lease_lapsed: it was not heard from',
      lostWith: 2,
    });
  });

  it('leaves a worker alone whose lease holds', async () => {
    const workerId = await startWorker(store, 1);

    expect(await reapLapsed(store, await databaseTime())).toEqual([]);

    expect(await workerRow(workerId)).toMatchObject({ lostAt: null });
  });

  it('takes the lapsed ones among many', async () => {
    const [lapsed, holding, alsoLapsed] = [
      await startWorker(store),
      await startWorker(store),
      await startWorker(store),
    ];
    await lapse(lapsed);
    await lapse(alsoLapsed);

    const reaped = await reapLapsed(store, await databaseTime());

    expect(reaped.sort()).toEqual([lapsed, alsoLapsed].sort());
    expect(await workerRow(holding)).toMatchObject({ lostAt: null });
  });

  it('leaves a worker as it is that was given up before', async () => {
    const workerId = await startWorker(store);
    await giveUp(store, workerId, 'exited', 'ended by SIGKILL');
    await lapse(workerId);
    const before = await workerRow(workerId);

    expect(await reapLapsed(store, await databaseTime())).toEqual([]);

    expect(await workerRow(workerId)).toEqual(before);
  });

  it('does nothing where the last answer of the database is over 2 s old: the statement was stuck', async () => {
    const workerId = await startWorker(store);
    await lapse(workerId);

    expect(await reapLapsed(store, await databaseTime(2.1))).toEqual([]);
    expect(await workerRow(workerId)).toMatchObject({ lostAt: null });

    expect(await reapLapsed(store, await databaseTime(1))).toEqual([workerId]);
  });

  it('does nothing while it is another process’s turn', async () => {
    const workerId = await startWorker(store);
    await lapse(workerId);
    await using other = await openRaw(store);
    await other.query('BEGIN');
    await other.query('SELECT pg_advisory_xact_lock(1212503, 1)');

    expect(await reapLapsed(store, await databaseTime())).toEqual([]);
    expect(await workerRow(workerId)).toMatchObject({ lostAt: null });

    await other.query('COMMIT');
    expect(await reapLapsed(store, await databaseTime())).toEqual([workerId]);
  });

  it('ten times at once reaps once', async () => {
    const workerId = await startWorker(store);
    await lapse(workerId);
    const time = await databaseTime();

    const reaped = await Promise.all(Array.from({ length: 10 }, () => reapLapsed(store, time)));

    expect(reaped.flat()).toEqual([workerId]);
  });

  it('leaves a worker that is claiming at this moment to the next turn, and counts what it claimed then', async () => {
    const task = await runTask(store);
    await submit(store, 'noop', null);
    await lapse(task.workerId);
    await using claiming = await openRaw(store);
    await claiming.query('BEGIN');
    await claiming.query('SELECT FROM worker WHERE id = $1 AND lost_at IS NULL FOR SHARE', [task.workerId]);
    await claiming.query(
      `UPDATE task_state SET status = 'running', worker_id = $1, entry_id = NULL WHERE status = 'queued'`,
      [task.workerId],
    );

    expect(await reapLapsed(store, await databaseTime())).toEqual([]);
    await claiming.query('COMMIT');

    expect(await reapLapsed(store, await databaseTime())).toEqual([task.workerId]);
    expect(await workerRow(task.workerId)).toMatchObject({ lostWith: 2 });
  });

  it('spares a worker that renews its lease at this moment', async () => {
    const workerId = await startWorker(store);
    await lapse(workerId);
    await using renewing = await openRaw(store);
    await renewing.query('BEGIN');
    await renewing.query(renewLeaseSql, [workerId, 15, 0]);

    expect(await reapLapsed(store, await databaseTime())).toEqual([]);
    await renewing.query('COMMIT');

    expect(await reapLapsed(store, await databaseTime())).toEqual([]);
    expect(await workerRow(workerId)).toMatchObject({ lostAt: null });
  });
});

describe('renewing a lease', () => {
  it('moves it on, and says when the loop last turned', async () => {
    const workerId = await startWorker(store, 1);
    const before = await workerRow(workerId);

    expect(await renew(workerId, 15, 0)).toBe(true);

    const after = await workerRow(workerId);
    expect(after.leaseExpiresAt.getTime()).toBeGreaterThan(before.leaseExpiresAt.getTime() + 13_000);
    expect(after.heardAt.getTime()).toBeGreaterThan(before.heardAt.getTime());
  });

  it('does not turn back when the loop was last heard from', async () => {
    const workerId = await startWorker(store);
    const before = await workerRow(workerId);

    await renew(workerId, 15, 60_000);

    expect((await workerRow(workerId)).heardAt).toEqual(before.heardAt);
  });

  it('revives a lease that has lapsed, as long as nobody has given the worker up', async () => {
    const workerId = await startWorker(store);
    await lapse(workerId);

    expect(await renew(workerId)).toBe(true);
    expect(await reapLapsed(store, await databaseTime())).toEqual([]);

    await lapse(workerId);
    await reapLapsed(store, await databaseTime());
    const lost = await workerRow(workerId);
    expect(await renew(workerId)).toBe(false);
    expect(await workerRow(workerId)).toEqual(lost);
  });

  it('waits for a giving-up that came first, and fails', async () => {
    const workerId = await startWorker(store);
    await using other = await openRaw(store);
    await other.query('BEGIN');
    await other.query('UPDATE worker SET lost_at = now() WHERE id = $1', [workerId]);

    const renewed = renew(workerId);
    await eventually(async () => (await lockWaiters(store)) === 1);
    await other.query('COMMIT');

    expect(await renewed).toBe(false);
  });
});

describe('a queued task without an entry that waits', () => {
  const age = (taskId: string, seconds: number) =>
    store.db.pool.query(
      'UPDATE task_state SET updated_at = now() - make_interval(secs => $2) WHERE id = $1',
      [taskId, seconds],
    );
  const ageFetch = (seconds: number) =>
    store.db.pool.query('UPDATE pgboss.job SET started_on = now() - make_interval(secs => $1)', [seconds]);

  it('is given a new one, no try spent, and its history says so', async () => {
    const task = await submit(store, 'noop', null);
    await store.queue.fetch('noop', 1);
    await age(task.id, 60);
    await ageFetch(60);

    expect(await requeueStranded(store, 15)).toEqual([task.id]);

    const row = await rowOf(store, task.id);
    expect(row).toMatchObject({ status: 'queued', attempt: 0, failures: 0, version: task.version + 1 });
    expect(row.entryId).not.toBe(task.entryId);
    expect(await liveEntries(store)).toMatchObject([{ id: row.entryId, taskId: task.id }]);
    expect(await kindsOf(store, task.id)).toEqual(['submitted', 'requeued']);
    expect(await takeAll(store, await startWorker(store))).toMatchObject([{ taskId: task.id, attempt: 1 }]);
  });

  it('is given one also where the entry was deleted', async () => {
    const task = await submit(store, 'noop', null);
    await store.db.pool.query('DELETE FROM pgboss.job');
    await age(task.id, 60);

    expect(await requeueStranded(store, 15)).toEqual([task.id]);
  });

  it('keeps its time', async () => {
    const task = await submit(store, 'noop', null);
    await store.db.pool.query('DELETE FROM pgboss.job');
    const nextAttemptAt = new Date(Date.now() + 3_600_000);
    await store.db.prisma.taskState.update({ where: { id: task.id }, data: { nextAttemptAt } });
    await age(task.id, 60);

    await requeueStranded(store, 15);

    expect(await liveEntries(store)).toMatchObject([{ taskId: task.id, startAfter: nextAttemptAt }]);
  });

  it('is left alone for a lease after it was changed', async () => {
    const task = await submit(store, 'noop', null);
    await store.db.pool.query('DELETE FROM pgboss.job');
    await age(task.id, 14);

    expect(await requeueStranded(store, 15)).toEqual([]);
  });

  it('is left alone for a lease after its entry was fetched, however long it has waited: it is being claimed', async () => {
    const task = await submit(store, 'noop', null);
    const workerId = await startWorker(store);
    await age(task.id, 3600);

    const entries = await store.queue.fetch('noop', 1);
    expect(await requeueStranded(store, 15)).toEqual([]);

    expect(entries).toHaveLength(1);
    expect(await rowOf(store, task.id)).toMatchObject({ entryId: task.entryId });
    await ageFetch(16);
    expect(await requeueStranded(store, 15)).toEqual([task.id]);
    expect(await takeAll(store, workerId)).toMatchObject([{ taskId: task.id, attempt: 1 }]);
  });

  it('that has an entry, or runs, or is finished, is none', async () => {
    const running = await runTask(store);
    const queued = await submit(store, 'noop', null);
    await age(running.taskId, 3600);
    await age(queued.id, 3600);

    expect(await requeueStranded(store, 15)).toEqual([]);

    expect(await liveEntries(store)).toMatchObject([{ id: queued.entryId }]);
  });

  it('is given one entry by two processes at once', async () => {
    const task = await submit(store, 'noop', null);
    await store.db.pool.query('DELETE FROM pgboss.job');
    await age(task.id, 60);

    const requeued = await Promise.all(Array.from({ length: 5 }, () => requeueStranded(store, 15)));

    expect(requeued.flat()).toEqual([task.id]);
    expect(await liveEntries(store)).toHaveLength(1);
  });
});

/** Two thirds of a second of contact are needed for this lease. */
const leaseSeconds = 1.5;

describe('the reaper', () => {
  let reaper: Reaper;

  beforeEach(() => {
    reaper = new Reaper({ store, leaseSeconds, log: pino({ level: 'silent' }) });
  });
  afterEach(async () => {
    await reaper.stop();
  });

  it('gives a worker up whose lease has lapsed, and moves its task on', async () => {
    const task = await runTask(store);
    await lapse(task.workerId);

    reaper.start();

    const row = await eventually(async () => {
      const now = await rowOf(store, task.taskId);
      return now.status === 'queued' && now;
    });
    expect(row).toMatchObject({ failures: 1, error: { code: 'worker_lost' } });
  });

  it('finishes what another process began', async () => {
    const task = await runTask(store);
    await store.db.prisma.worker.update({
      where: { id: task.workerId },
      data: { lostAt: new Date(), lostReason: 'exited', lostWith: 1 },
    });

    reaper.start();

    await eventually(async () => (await rowOf(store, task.taskId)).status === 'queued');
  });

  it('queues a stranded task again', async () => {
    const task = await submit(store, 'noop', null);
    await store.db.pool.query('DELETE FROM pgboss.job');

    reaper.start();

    await eventually(async () => (await kindsOf(store, task.id)).includes('requeued'), { timeoutMs: 15_000 });
  });
});

describe('the reaper’s patience', () => {
  /** Its turns, one at a time, at the times that the test says. */
  async function reaperAt() {
    const clock = { nowMs: 1_000_000n };
    const hrtime = vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => clock.nowMs * 1_000_000n);
    const lapsed = await startWorker(store);
    await lapse(lapsed);
    const reaper = new Reaper({ store, leaseSeconds: 15, log: pino({ level: 'silent' }) });
    const turn = Reflect.get(reaper, 'turn') as () => Promise<void>;
    const isLost = async () => (await workerRow(lapsed)).lostAt !== null;
    return {
      /** Takes a turn so many milliseconds after the last, and says whether the worker is lost now. */
      async after(ms: number): Promise<boolean> {
        clock.nowMs += BigInt(ms);
        await turn.call(reaper);
        return isLost();
      },
      /** The next answer of the database takes so long. */
      slowAnswer(ms: number): void {
        vi.spyOn(store.db.pool, 'query').mockImplementationOnce((async () => {
          clock.nowMs += BigInt(ms);
          return { rows: [{ now: new Date() }] };
        }) as never);
      },
      [Symbol.dispose]: () => hrtime.mockRestore(),
    };
  }
  const seconds = (count: number) => Array.from({ length: count }, () => 1000);

  it('is 7 s of contact for a lease of 15 s', async () => {
    using reaper = await reaperAt();
    for (const ms of seconds(6)) expect(await reaper.after(ms)).toBe(false);

    expect(await reaper.after(1000)).toBe(true);
  });

  it('begins anew when the process has slept', async () => {
    using reaper = await reaperAt();
    for (const ms of seconds(6)) expect(await reaper.after(ms)).toBe(false);

    expect(await reaper.after(3001)).toBe(false);

    for (const ms of seconds(6)) expect(await reaper.after(ms)).toBe(false);
    expect(await reaper.after(1000)).toBe(true);
  });

  it('begins anew when the database was slow to answer', async () => {
    using reaper = await reaperAt();
    for (const ms of seconds(6)) expect(await reaper.after(ms)).toBe(false);

    reaper.slowAnswer(2001);
    expect(await reaper.after(1000)).toBe(false);

    for (const ms of seconds(6)) expect(await reaper.after(ms)).toBe(false);
    expect(await reaper.after(1000)).toBe(true);
  });

  it('is not spent by a slow answer of less than 2 s', async () => {
    using reaper = await reaperAt();
    for (const ms of seconds(5)) expect(await reaper.after(ms)).toBe(false);

    reaper.slowAnswer(1900);

    expect(await reaper.after(1000)).toBe(true);
  });
});
