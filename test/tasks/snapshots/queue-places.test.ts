import { describe, expect, it } from 'vitest';
import { compareLooks, placeIn, secondsToStart } from '../../../src/tasks/snapshots/queue-places.ts';

const head = (times: number[]) => ({ times, isWhole: true });
const look = (times: number[], leavingPerSecond?: number) => ({ ...head(times), atMs: 0, leavingPerSecond });

describe('the place in a queue', () => {
  it.each([
    ['of the first', [100, 200, 300], 100, 1],
    ['of one in the middle', [100, 200, 300], 200, 2],
    ['of one that came after the look', [100, 200, 300], 400, 4],
    ['of one in an empty queue', [], 100, 1],
    ['of one that has been taken since', [200, 300], 100, 1],
  ])('%s', (_what, times, queuedMs, place) => {
    expect(placeIn(head(times), queuedMs)).toBe(place);
  });

  it('is unknown for a task that is far back', () => {
    const part = { times: [100, 200], isWhole: false };

    expect(placeIn(part, 200)).toBe(2);
    expect(placeIn(part, 300)).toBeNull();
  });
});

describe('how fast a queue moves', () => {
  it('is known from two looks', () => {
    const before = look([100, 200, 300, 400]);

    expect(compareLooks(before, head([300, 400, 500]), 2_000).leavingPerSecond).toBe(1);
    expect(compareLooks(before, head([100, 200, 300, 400]), 2_000).leavingPerSecond).toBe(0);
  });

  it('is unknown from one look, and from two that are far apart', () => {
    expect(compareLooks(undefined, head([1]), 0).leavingPerSecond).toBeUndefined();
    expect(compareLooks(look([1]), head([]), 61_000).leavingPerSecond).toBeUndefined();
  });

  it('says how long a task may have to wait; a queue that stands still counts like one of unknown speed', () => {
    expect(secondsToStart(look([1, 2, 3, 4], 2), 4)).toBe(2);
    expect(secondsToStart(look([1, 2, 3, 4, 5]), 5)).toBe(1);
    expect(secondsToStart(look([1, 2, 3, 4, 5], 0), 5)).toBe(1);
  });
});
