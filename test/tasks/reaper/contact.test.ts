import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { Reaper } from '../../../src/tasks/reaper/reaper.ts';
import { lapse, workerRow } from '../../support/leases.ts';
import { startWorker, useStore } from '../../support/tasks.ts';

const store = useStore();

describe('the reaper’s patience', () => {
  /** Its turns, one at a time, at the times that the test says. */
  async function reaperAt(leaseSeconds = 15) {
    const clock = { nowMs: 1_000_000n };
    const hrtime = vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => clock.nowMs * 1_000_000n);
    const lapsed = await startWorker(store);
    await lapse(store, lapsed);
    const reaper = new Reaper({ store, leaseSeconds, log: pino({ level: 'silent' }) });
    const turn = Reflect.get(reaper, 'turn') as () => Promise<void>;
    const isLost = async () => (await workerRow(store, lapsed)).lostAt !== null;
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
