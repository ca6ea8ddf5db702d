import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RestartDelay } from '../../src/jobs/supervisor/restart-delay.ts';

const hourMs = 3_600_000;
const onOver = vi.fn();

describe('the place of a runner that died', () => {
  beforeEach(() => {
    onOver.mockReset();
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  it('stays empty longer each time, up to 30 s, while runners do not stay alive', () => {
    const delay = new RestartDelay();

    const waits = Array.from({ length: 9 }, () => delay.died(900, onOver));

    expect(waits).toEqual([250, 750, 1_750, 3_750, 7_750, 15_750, 30_000, 30_000, 30_000]);
  });

  it('is filled once, when the delay is over', () => {
    const delay = new RestartDelay();
    delay.died(0, onOver);
    delay.died(0, onOver);

    vi.advanceTimersByTime(749);
    expect([delay.isOver, onOver.mock.calls.length]).toEqual([false, 0]);
    vi.advanceTimersByTime(10_000);
    expect([delay.isOver, onOver.mock.calls.length]).toEqual([true, 1]);
  });

  it('may be filled at once if the runner did not die of its start', () => {
    const delay = new RestartDelay();
    delay.died(0, onOver);
    delay.died(0, onOver);

    delay.forget(onOver);

    expect([delay.isOver, onOver.mock.calls.length]).toEqual([true, 1]);
    vi.advanceTimersByTime(10_000);
    expect(onOver).toHaveBeenCalledTimes(1);
    expect(delay.died(0, onOver)).toBe(250);
  });

  it('is filled at once after a runner that had lived for a while', () => {
    const delay = new RestartDelay();
    delay.died(0, onOver);

    expect(delay.died(hourMs, onOver)).toBe(0);

    expect(delay.isOver).toBe(true);
    expect(delay.died(0, onOver)).toBe(250);
  });
});
