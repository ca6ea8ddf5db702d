import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Ticker } from '../../../src/tasks/snapshots/ticker.ts';
import { eventually } from '../../support/eventually.ts';

let ticker: Ticker | undefined;
afterEach(() => ticker?.stop());

/** Starts a ticker, and notes when it reads. */
function startTicker(tickMs: number, read: () => Promise<void> = async () => undefined) {
  const readsAtMs: number[] = [];
  const errors: unknown[] = [];
  const own = new Ticker({
    tickMs,
    run: (startedMs) => {
      readsAtMs.push(startedMs);
      return read();
    },
    onError: (error) => errors.push(error),
  });
  ticker = own;
  own.start();
  return { ticker: own, readsAtMs, errors };
}

describe('the refresh', () => {
  it('comes by itself, a tick after the last', async () => {
    const { readsAtMs } = startTicker(50);

    await eventually(() => readsAtMs.length >= 4);

    for (const [i, atMs] of readsAtMs.slice(1).entries()) {
      expect(atMs - (readsAtMs[i] ?? 0)).toBeGreaterThan(45);
    }
  });

  it('comes at once where there is news, long before its tick', async () => {
    const own = startTicker(60_000);

    own.ticker.wake();

    await eventually(() => own.readsAtMs.length === 1);
  });

  it('comes no more often on average where there is news all the time', async () => {
    const own = startTicker(40);
    const startedMs = performance.now();

    while (own.readsAtMs.length < 12) {
      own.ticker.wake();
      await sleep(3);
    }

    // One read each 35 ms, and one that may come early.
    const reads = own.readsAtMs.length;
    expect(reads).toBeLessThanOrEqual((performance.now() - startedMs) / 35 + 2);
  });

  it('comes again after one that was under way when the news came, and never beside it', async () => {
    const ends: (() => void)[] = [];
    const own = startTicker(60_000, () => new Promise((resolve) => ends.push(resolve)));
    own.ticker.wake();
    await eventually(() => own.readsAtMs.length === 1);

    own.ticker.wake();
    own.ticker.wake();
    // On a busy machine fewer reads happen in this time, which cannot make the test fail.
    await sleep(30);
    expect(own.readsAtMs).toHaveLength(1);
    ends[0]?.();

    await eventually(() => own.readsAtMs.length === 2);
    ends[1]?.();
  });

  it('goes on after one that failed', async () => {
    const own = startTicker(20, () => Promise.reject(new Error('away')));

    await eventually(() => own.errors.length >= 3);

    expect(own.errors[0]).toEqual(new Error('away'));
  });

  it('is over when it is stopped, also for news', async () => {
    const own = startTicker(20);
    await own.ticker.stop();
    const { length } = own.readsAtMs;

    own.ticker.wake();
    // On a busy machine fewer reads happen in this time, which cannot make the test fail.
    await sleep(60);

    expect(own.readsAtMs).toHaveLength(length);
  });
});
