import { describe, expect, it } from 'vitest';
import { newId } from '../../../src/tasks/model/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { addFinished } from '../../support/finished.ts';
import { remove } from '../../support/polls.ts';
import { bump, newTask, newTasks, tickMs, useSnapshots } from '../../support/snapshots.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();
const own = useSnapshots(store);

describe('the refresh', () => {
  it('is one statement a tick, however many tasks are in the set, and returns what has changed', async () => {
    own.clock.go();
    const ids = await newTasks(store, 50);
    const told = await Promise.all(ids.map(own.follow));
    await own.tick();

    const version = await bump(store, ids[7] ?? '');
    const before = own.gate.sent.length;
    const startedMs = performance.now();
    await eventually(() => own.gate.sent.length >= before + 10);

    const sent = own.gate.sent.slice(before);
    const ticks = (performance.now() - startedMs) / tickMs;
    expect(sent.every((name) => name === 'snapshot-changes')).toBe(true);
    // Reads are on average 0.875 of a tick apart, and one may come early.
    expect(sent.length).toBeLessThanOrEqual(ticks / 0.875 + 2);
    expect(told.flatMap(({ news }) => news)).toEqual([version]);
    expect(own.snapshots.current(ids[7] ?? '')?.version).toBe(version);
  });

  it('asks nothing while nobody polls or watches', async () => {
    own.clock.pass(2_000);
    expect(own.snapshots.isFresh).toBe(false);

    await eventually(() => own.snapshots.isFresh);

    expect(own.gate.sent).toEqual([]);
  });

  it('comes at once where a task of the set is named as changed, and for no task outside the set', async () => {
    await own.startAgain({ tickMs: 60_000 });
    const id = await newTask(store);
    const told = await own.follow(id);
    const version = await bump(store, id);

    own.snapshots.hurry(newId());
    // A refresh would have begun before this read has its answer.
    await own.snapshots.read(id);
    expect(own.gate.count('snapshot-changes')).toBe(0);
    own.snapshots.hurry(id);

    await eventually(() => told.news.length > 0);
    expect(told.news).toEqual([version]);
  });

  it('tells of a change of another process within a tick and a read', async () => {
    const id = await newTask(store);
    const told = await own.follow(id);

    const version = await bump(store, id);
    await eventually(() => told.news.length > 0);

    expect(told.news).toEqual([version]);
    expect(own.snapshots.current(id)?.answer.message).toBe(`v${version}`);
  });

  it('tells of each change and deletion among more finished tasks than a tick reads, when their turn comes', async () => {
    const ids = await addFinished(store.db.pool, { count: 10_500 });
    const told = await Promise.all(ids.map(own.follow));
    await own.tick();
    const changed = ids.filter((_, place) => place % 500 === 0);
    const gone = ids.filter((_, place) => place % 500 === 1);

    await store.db.pool.query('UPDATE task_state SET version = version + 1 WHERE id = ANY ($1)', [changed]);
    await store.db.pool.query('DELETE FROM task_state WHERE id = ANY ($1)', [gone]);
    const news = () => told.flatMap((one) => one.news);
    await eventually(() => news().length >= 42);
    await own.tick();

    expect(news()).toEqual(Array.from({ length: 21 }, () => [2, 'gone']).flat());
  });

  it('tells once of a task that is gone, and forgets it', async () => {
    const id = await newTask(store);
    const told = await own.follow(id);

    await remove(store, id);
    await eventually(() => told.news.length > 0);
    await own.tick();

    expect(told.news).toEqual(['gone']);
    expect(own.snapshots.current(id)).toBeUndefined();
    expect(await own.snapshots.find(id)).toBeUndefined();
    expect(own.snapshots.size).toBe(0);
  });

  it('shows what the database has after a restore, whose versions are lower', async () => {
    const id = await newTask(store);
    await bump(store, id, 10);
    const told = await own.follow(id);

    await bump(store, id, -8);
    await eventually(() => told.news.length > 0);

    expect(told.news).toEqual([3]);
    expect(own.snapshots.current(id)?.version).toBe(3);
  });

  it('goes on after a row of which no answer can be made', async () => {
    await own.startAgain({
      render: (view) => {
        if (view.message === 'poison') throw new Error('cannot be rendered');
        return view;
      },
    });
    const [bad = '', good = ''] = await newTasks(store, 2);
    const told = await Promise.all([bad, good].map(own.follow));

    await store.db.pool.query(
      `UPDATE task_state SET message = 'poison', version = version + 1 WHERE id = $1`,
      [bad],
    );
    await eventually(() => own.errors.length > 0);
    const version = await bump(store, good);
    await eventually(() => told[1]?.news.length === 1);

    expect(told.map(({ news }) => news)).toEqual([[], [version]]);
    expect(own.snapshots.isFresh).toBe(true);
    await expect(own.snapshots.find(bad)).rejects.toThrow('cannot be rendered');
  });

  it('that fails is tried again, and memory gives no answer once it is two seconds old', async () => {
    const id = await newTask(store);
    const told = await own.follow(id);
    await own.tick();
    await store.db.pool.query('ALTER TABLE task_state RENAME TO away');

    await eventually(() => own.errors.length > 0);
    own.clock.pass(1_999);
    expect(own.snapshots.current(id)).toBeDefined();
    own.clock.pass(1);
    expect(own.snapshots.isFresh).toBe(false);
    expect(own.snapshots.current(id)).toBeUndefined();
    await store.db.pool.query('ALTER TABLE away RENAME TO task_state');

    const version = await bump(store, id);
    await eventually(() => told.news.length > 0);
    expect(told.news).toEqual([version]);
    await eventually(() => own.snapshots.isFresh);
  });
});
