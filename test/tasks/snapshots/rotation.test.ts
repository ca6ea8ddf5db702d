import { describe, expect, it } from 'vitest';
import { newFollowedTask } from '../../../src/tasks/snapshots/followed-task.ts';
import { Rotation } from '../../../src/tasks/snapshots/rotation.ts';

/** How often each entry is read in so many ticks, and how many are read in one tick at most. */
function readIn(ticks: number, entries: readonly { isFinished: boolean; number: number }[]) {
  const rotation = new Rotation();
  const counts = entries.map(() => 0);
  let most = 0;
  // The first tick only counts the entries.
  for (let tick = 0; tick <= ticks; tick += 1) {
    rotation.begin();
    const read = entries.map((entry) => rotation.has(entry));
    if (tick === 0) continue;
    for (const [place, isRead] of read.entries()) counts[place] = (counts[place] ?? 0) + Number(isRead);
    most = Math.max(most, read.filter(Boolean).length);
  }
  return { times: [...new Set(counts)], most };
}

function entries(count: number, isFinished: boolean) {
  return Array.from({ length: count }, () => ({ ...newFollowedTask<unknown>('', 0), isFinished }));
}

describe('what a tick reads', () => {
  it('is every task, up to ten thousand finished ones', () => {
    const all = [...entries(10_000, true), ...entries(1_000, false)];

    expect(readIn(5, all)).toEqual({ times: [5], most: 11_000 });
  });

  it('is every unfinished task, however many', () => {
    expect(readIn(5, entries(20_000, false))).toEqual({ times: [5], most: 20_000 });
  });

  it('is a third of thirty thousand finished tasks, all of them in three ticks', () => {
    expect(readIn(3, entries(30_000, true))).toEqual({ times: [1], most: 10_000 });
  });

  it('is a tenth of more than a hundred thousand', () => {
    expect(readIn(10, entries(110_000, true))).toEqual({ times: [1], most: 11_000 });
  });
});
