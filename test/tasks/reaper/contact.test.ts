import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { Reaper } from '../../../src/tasks/reaper/reaper.ts';
import { stopClock } from '../../support/clock.ts';
import { lapse, workerRow } from '../../support/leases.ts';
import { startWorker, useStore } from '../../support/tasks.ts';

const store = useStore();

describe('the reaper’s patience', () => {
  /** A reaper that takes its turns one at a time, when the test says so. */
  async function reaperAt(leaseSeconds = 15) {
    const clock = stopClock();
    const lapsed = await startWorker(store);
    await lapse(store, lapsed);
    const reaper = new Reaper({ store, leaseSeconds, log: pino({ level: 'silent' }) });
    const turn = Reflect.get(reaper, 'turn') as () => Promise<void>;
    // The database's clock runs like ours, an hour ahead: its time is fresh however long its next answer
    // takes.
    const startedMs = Date.now() + 3_600_000;
    let [passedMs, answerMs] = [0, 0];
    const query = store.db.pool.query.bind(store.db.pool) as (...args: unknown[]) => unknown;
    const asked = vi.spyOn(store.db.pool, 'query').mockImplementation(((...args: [{ text?: string }]) => {
      if (args[0].text?.includes('clock_timestamp() AS now') !== true) return query(...args);
      pass(answerMs);
      answerMs = 0;
      return Promise.resolve({ rows: [{ now: new Date(startedMs + passedMs) }] });
    }) as never);
    const pass = (ms: number) => {
      passedMs += ms;
      clock.pass(ms);
    };
    const isLost = async () => (await workerRow(store, lapsed)).lostAt !== null;
    return {
      /** Takes a turn this many milliseconds after the last, and says whether the worker is lost now. */
      async after(ms: number): Promise<boolean> {
        pass(ms);
        await turn.call(reaper);
        return isLost();
      },
      /** Makes the next answer of the database take this long. */
      slowAnswer(ms: number): void {
        answerMs = ms;
      },
      [Symbol.dispose]: () => {
        asked.mockRestore();
        clock.go();
      },
    };
  }
  const seconds = (count: number) => Array.from({ length: count }, () => 1000);

  it.each([15, 60, 3600])('is 7 s of contact for a lease of %d s', async (leaseSeconds) => {
    using reaper = await reaperAt(leaseSeconds);
    for (const ms of seconds(6)) expect(await reaper.after(ms)).toBe(false);

    expect(await reaper.after(1000)).toBe(true);
  });

  it('is less for a shorter lease', async () => {
    using reaper = await reaperAt(3);
    expect(await reaper.after(1000)).toBe(false);

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
