/**
 * Answers with large results take long to make: while many are made, other work has turns of the event loop.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { TaskView } from '../../../src/tasks/model/view.ts';
import { eventually } from '../../support/eventually.ts';
import { submit } from '../../support/service.ts';
import { startSnapshots, type TestSnapshots, Told } from '../../support/snapshots.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();
/** For each answer, the turn of the event loop in which it was made. */
let madeIn: number[];
let turns: NodeJS.Timeout;
let own: TestSnapshots;

beforeEach(async () => {
  madeIn = [];
  let turn = 0;
  turns = setInterval(() => {
    turn += 1;
  }, 1);
  const render = (view: TaskView) => {
    madeIn.push(turn);
    const untilMs = performance.now() + 30;
    while (performance.now() < untilMs);
    return view;
  };
  own = await startSnapshots(store, { render });
});
afterEach(async () => {
  clearInterval(turns);
  await own[Symbol.asyncDispose]();
});

const newTasks = (count: number) =>
  Promise.all(Array.from({ length: count }, async () => (await submit(store, 'noop', null)).id));

it('the answers of one first read are made in several turns of the event loop', async () => {
  const ids = await newTasks(20);

  await Promise.all(ids.map((id) => own.snapshots.find(id)));

  expect(own.gate.count('snapshot-rows')).toBeLessThanOrEqual(2);
  expect(new Set(madeIn).size).toBeGreaterThan(5);
});

it('the answers of one refresh are made in several turns of the event loop', async () => {
  const ids = await newTasks(20);
  const told = new Told();
  for (const id of ids) own.snapshots.watch({ id, version: 1 }, told);
  await store.db.pool.query('UPDATE task_state SET version = 2');

  await eventually(() => told.news.length === ids.length);

  expect(new Set(madeIn).size).toBeGreaterThan(3);
});
