/** How many tasks of groups are kept in memory. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { TaskView } from '../../../src/tasks/model/view.ts';
import { Groups } from '../../../src/tasks/snapshots/groups.ts';
import { eventually } from '../../support/eventually.ts';
import { insertTasks } from '../../support/polls.ts';
import { startSnapshots, type TestSnapshots, Told } from '../../support/snapshots.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();
let own: TestSnapshots;
let groups: Groups<TaskView>;
beforeEach(async () => {
  own = await startSnapshots(store);
  groups = new Groups({
    pool: own.gate.pool,
    snapshots: own.snapshots,
    brief: (snapshot) => snapshot,
    maxFollowed: 10,
    onError: (error) => own.errors.push(error),
  });
});
afterEach(async () => {
  await groups.stop();
  await own[Symbol.asyncDispose]();
});

/** A group of four tasks, to be kept for so many milliseconds. */
async function polled(name: string, keepMs: number) {
  await insertTasks(store, name, 4);
  const group = await groups.find(name);
  groups.keep(group, keepMs);
  return group;
}

it('the number is limited: watched groups stay, and those that were to be kept longest', async () => {
  const watched = await polled('watched', 0);
  groups.watch(watched, new Told());
  const soon = await polled('soon', 5_000_000);
  const later = await polled('later', 6_000_000);
  const first = await polled('first', 4_000_000);

  groups.start();
  await eventually(() => first.size === 0);

  expect([watched, soon, later].map(({ size }) => size)).toEqual([4, 4, 4]);
  expect((await groups.find('first')).size).toBe(4);
  expect(own.errors).toEqual([]);
});
