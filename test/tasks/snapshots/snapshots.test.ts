import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cancelTask } from '../../../src/tasks/cancel.ts';
import { newId } from '../../../src/tasks/ids.ts';
import { readTask } from '../../../src/tasks/read.ts';
import { eventually } from '../../support/eventually.ts';
import { addFinished } from '../../support/finished.ts';
import { submit } from '../../support/service.ts';
import {
  startSnapshots,
  type TestSnapshots,
  type TestSnapshotsOptions,
  Told,
} from '../../support/snapshots.ts';
import { rowOf, useStore } from '../../support/tasks.ts';

const store = useStore();
let own: TestSnapshots;
beforeEach(async () => {
  own = await startSnapshots(store);
});
afterEach(() => own[Symbol.asyncDispose]());

/** With other options than those of the other tests. */
async function startAgain(options: TestSnapshotsOptions): Promise<void> {
  await own[Symbol.asyncDispose]();
  own = await startSnapshots(store, options);
}

const newTask = async () => (await submit(store, 'noop', null)).id;
const newTasks = (count: number) => Promise.all(Array.from({ length: count }, newTask));

/** As another process writes. */
async function bump(id: string, by = 1): Promise<number> {
  const { rows } = await store.db.pool.query<{ version: number }>(
    `UPDATE task_state SET version = version + $2, message = 'v' || version + $2 WHERE id = $1 RETURNING version`,
    [id, by],
  );
  return rows[0]?.version ?? 0;
}

const remove = (id: string) => store.db.pool.query('DELETE FROM task_state WHERE id = $1', [id]);

async function follow(id: string): Promise<Told> {
  const told = new Told();
  const found = await own.snapshots.find(id);
  if (!found) throw new Error('there is no such task');
  own.snapshots.watch(found, told);
  return told;
}

describe('a first read', () => {
  it('shares its statement with all that are asked for at the same time', async () => {
    const ids = await newTasks(20);

    const found = await Promise.all([...ids, ...ids].map((id) => own.snapshots.find(id)));

    expect(found.map((snapshot) => snapshot?.id)).toEqual([...ids, ...ids]);
    expect(own.gate.count('snapshot-rows')).toBeLessThanOrEqual(2);
  });

  it('that is asked for while another is under way waits for the next, which begins later', async () => {
    const [first = '', second = ''] = await newTasks(2);
    const release = own.gate.hold('snapshot-rows');
    const reading = own.snapshots.read(first);
    await eventually(() => own.gate.count('snapshot-rows') === 1);
    await sleep(50);

    const version = await bump(second);
    const later = [own.snapshots.read(second), own.snapshots.read(second), own.snapshots.read(first)];
    await sleep(50);
    expect(own.gate.count('snapshot-rows')).toBe(1);
    release();

    expect((await reading)?.version).toBe(1);
    expect((await Promise.all(later)).map((snapshot) => snapshot?.version)).toEqual([version, version, 1]);
    expect(own.gate.count('snapshot-rows')).toBe(2);
  });

  it('knows nothing of an unknown id, nor does memory afterwards', async () => {
    const id = newId();

    expect(await own.snapshots.find(id)).toBeUndefined();

    expect(own.snapshots.current(id)).toBeUndefined();
    expect(own.snapshots.size).toBe(0);
  });

  it('of very many ids goes in several statements and finds all', async () => {
    const ids = await addFinished(store.db.pool, { count: 2_500 });

    const found = await Promise.all(ids.map((id) => own.snapshots.read(id)));

    expect(found.map((snapshot) => snapshot?.id)).toEqual(ids);
    expect(own.gate.count('snapshot-rows')).toBeLessThanOrEqual(4);
  });

  it('after the other costs at most a hundred statements a second', async () => {
    const ids = await addFinished(store.db.pool, { count: 400 });
    const startedMs = performance.now();

    const reads: Promise<unknown>[] = [];
    for (const id of ids) {
      reads.push(own.snapshots.read(id));
      await sleep(3);
    }
    await Promise.all(reads);

    const seconds = (performance.now() - startedMs) / 1000;
    expect(own.gate.count('snapshot-rows')).toBeLessThanOrEqual(seconds * 100 + 1);
  });

  it('that fails is told to those who asked, and the next is none the worse', async () => {
    const id = await newTask();
    await store.db.pool.query('ALTER TABLE task_state RENAME TO away');
    const failed = own.snapshots.read(id);

    await expect(failed).rejects.toThrow('task_state');
    await store.db.pool.query('ALTER TABLE away RENAME TO task_state');

    expect((await own.snapshots.read(id))?.id).toBe(id);
  });
});

describe('the refresh', () => {
  it('is one statement a tick, however many tasks are in the set, and returns what has changed', async () => {
    await startAgain({ tickMs: 100 });
    const ids = await newTasks(50);
    const told = await Promise.all(ids.map(follow));
    await own.tick();

    const version = await bump(ids[7] ?? '');
    const before = own.gate.sent.length;
    await sleep(1_000);

    expect(own.gate.sent.slice(before).every((name) => name === 'snapshot-changes')).toBe(true);
    expect(own.gate.sent.length - before).toBeLessThanOrEqual(11);
    expect(told.flatMap(({ news }) => news)).toEqual([version]);
    expect(own.snapshots.current(ids[7] ?? '')?.version).toBe(version);
  });

  it('asks nothing while nobody polls or watches', async () => {
    const before = own.gate.sent.length;

    await sleep(300);

    expect(own.gate.sent.length).toBe(before);
  });

  it('comes at once where a task of the set is named as changed, and for no other', async () => {
    await startAgain({ tickMs: 60_000 });
    const id = await newTask();
    const told = await follow(id);
    const version = await bump(id);

    own.snapshots.hurry(newId());
    await sleep(100);
    expect(own.gate.count('snapshot-changes')).toBe(0);
    own.snapshots.hurry(id);

    await eventually(() => told.news.length > 0);
    expect(told.news).toEqual([version]);
  });

  it('tells of a change of another process within a tick and a read', async () => {
    const id = await newTask();
    const told = await follow(id);

    const version = await bump(id);
    await eventually(() => told.news.length > 0, { timeoutMs: 2_000 });

    expect(told.news).toEqual([version]);
    expect(own.snapshots.current(id)?.answer.message).toBe(`v${version}`);
  });

  it('tells of each of tens of thousands of finished tasks that changes or goes, in their turn', async () => {
    const ids = await addFinished(store.db.pool, { count: 25_000 });
    const told = await Promise.all(ids.map(follow));
    await own.tick();
    const changed = ids.filter((_, place) => place % 500 === 0);
    const gone = ids.filter((_, place) => place % 500 === 1);

    await store.db.pool.query('UPDATE task_state SET version = version + 1 WHERE id = ANY ($1)', [changed]);
    await store.db.pool.query('DELETE FROM task_state WHERE id = ANY ($1)', [gone]);
    const news = () => told.flatMap((one) => one.news);
    await eventually(() => news().length >= 100);
    await own.tick();

    expect(news()).toEqual(Array.from({ length: 50 }, () => [2, 'gone']).flat());
  });

  it('tells once of a task that is gone, and forgets it', async () => {
    const id = await newTask();
    const told = await follow(id);

    await remove(id);
    await eventually(() => told.news.length > 0);
    await own.tick();

    expect(told.news).toEqual(['gone']);
    expect(own.snapshots.current(id)).toBeUndefined();
    expect(await own.snapshots.find(id)).toBeUndefined();
    expect(own.snapshots.size).toBe(0);
  });

  it('shows what the database has after a restore, whose versions are lower', async () => {
    const id = await newTask();
    await bump(id, 10);
    const told = await follow(id);

    await bump(id, -8);
    await eventually(() => told.news.length > 0);

    expect(told.news).toEqual([3]);
    expect(own.snapshots.current(id)?.version).toBe(3);
  });

  it('goes on past a row of which no answer can be made', async () => {
    await startAgain({
      render: (view) => {
        if (view.message === 'poison') throw new Error('cannot be rendered');
        return view;
      },
    });
    const [bad = '', good = ''] = await newTasks(2);
    const told = await Promise.all([bad, good].map(follow));

    await store.db.pool.query(
      `UPDATE task_state SET message = 'poison', version = version + 1 WHERE id = $1`,
      [bad],
    );
    await eventually(() => own.errors.length > 0);
    const version = await bump(good);
    await eventually(() => told[1]?.news.length === 1);

    expect(told.map(({ news }) => news)).toEqual([[], [version]]);
    expect(own.snapshots.isFresh).toBe(true);
    await expect(own.snapshots.find(bad)).rejects.toThrow('cannot be rendered');
  });

  it('that fails is tried again, and memory is no answer once it is two seconds old', async () => {
    const id = await newTask();
    const told = await follow(id);
    await store.db.pool.query('ALTER TABLE task_state RENAME TO away');

    await eventually(() => own.errors.length > 0);
    expect(own.snapshots.current(id)).toBeDefined();
    await eventually(() => !own.snapshots.isFresh);
    expect(own.snapshots.current(id)).toBeUndefined();
    await store.db.pool.query('ALTER TABLE away RENAME TO task_state');

    const version = await bump(id);
    await eventually(() => told.news.length > 0);
    expect(told.news).toEqual([version]);
    expect(own.snapshots.isFresh).toBe(true);
  });
});

describe('the set', () => {
  it('keeps what is polled for at least five seconds, and then reads it anew', async () => {
    const id = await newTask();
    const found = await own.snapshots.find(id);
    if (found) own.snapshots.keep(found, 0);
    const startedMs = performance.now();
    expect(own.snapshots.size).toBe(1);

    await eventually(() => own.snapshots.size === 0);

    expect(performance.now() - startedMs).toBeGreaterThan(4_900);
    const version = await bump(id);
    expect((await own.snapshots.find(id))?.version).toBe(version);
  });

  it('keeps what will be polled later for as long as it was told', async () => {
    const [short = '', long = ''] = await newTasks(2);
    for (const [id, ms] of [
      [short, 0],
      [long, 60_000],
    ] as const) {
      const found = await own.snapshots.find(id);
      if (found) own.snapshots.keep(found, ms);
    }

    await eventually(() => own.snapshots.size === 1);

    expect(own.snapshots.current(long)).toBeDefined();
  });

  it('lets go of what nobody watches any more', async () => {
    const id = await newTask();
    const found = await own.snapshots.find(id);
    const told = new Told();
    const unwatch = found && own.snapshots.watch(found, told);
    await sleep(5_500);
    expect(own.snapshots.size).toBe(1);

    unwatch?.();
    await eventually(() => own.snapshots.size === 0);

    await bump(id);
    expect(told.news).toEqual([]);
  });
});

describe('a write of this process', () => {
  it('is known at once', async () => {
    const id = await newTask();
    const told = await follow(id);

    const cancelled = await cancelTask(store, id);
    if (cancelled) own.snapshots.put(cancelled.task);

    expect(own.snapshots.current(id)?.answer.status).toBe('cancelled');
    expect(told.news).toEqual([cancelled?.task.version]);
  });

  it('is not undone by a first read that began before it', async () => {
    const id = await newTask();
    const release = own.gate.hold('snapshot-rows');
    const reading = own.snapshots.read(id);
    await sleep(100);

    const version = await bump(id);
    own.snapshots.put(await rowOf(store, id));
    release();

    expect((await reading)?.version).toBe(version);
    expect(own.snapshots.current(id)?.version).toBe(version);
  });

  it('is not undone by a refresh that began before it', async () => {
    const id = await newTask();
    const told = await follow(id);
    await bump(id);
    const release = own.gate.hold('snapshot-changes');
    const held = own.gate.count('snapshot-changes');
    await eventually(() => own.gate.count('snapshot-changes') > held);
    await sleep(100);

    const version = await bump(id);
    own.snapshots.put(await rowOf(store, id));
    release();
    await own.tick();

    expect(told.news.at(-1)).toBe(version);
    expect(own.snapshots.current(id)?.version).toBe(version);
    expect(told.news.every((news, index, all) => index === 0 || news > (all[index - 1] ?? 0))).toBe(true);
  });

  it('of which only the version is known makes memory no answer until the row is read', async () => {
    const id = await newTask();
    const told = await follow(id);
    const release = own.gate.hold('snapshot-changes');
    const version = await bump(id);

    own.snapshots.raise(id, version);

    expect(own.snapshots.current(id)).toBeUndefined();
    expect((await own.snapshots.find(id))?.version).toBe(version);
    release();
    await own.tick();
    expect(told.news).toEqual([version]);
  });

  it('whose version is known already changes nothing', async () => {
    const id = await newTask();
    await follow(id);

    own.snapshots.raise(id, 1);

    expect(own.snapshots.current(id)?.version).toBe(1);
  });

  it('of a task that a read overtakes is read again', async () => {
    const id = await newTask();
    const release = own.gate.hold('snapshot-rows');
    const reading = own.snapshots.read(id);
    await sleep(100);

    const version = await bump(id);
    own.snapshots.raise(id, version);
    release();

    expect((await reading)?.version).toBe(version);
  });
});

describe('a client that knows a newer version', () => {
  it('gets what the database has', async () => {
    const id = await newTask();
    await startAgain({ tickMs: 10_000 });
    await follow(id);
    const version = await bump(id);

    expect((await own.snapshots.find(id, version))?.version).toBe(version);
  });

  it('that there is not gets what there is', async () => {
    const id = await newTask();
    await follow(id);

    expect((await own.snapshots.find(id, 1_000_000_000))?.version).toBe(1);
  });
});

describe('memory', () => {
  it('stays below its limit: what was not asked for longest goes, what is watched is read again', async () => {
    await startAgain({ maxBytes: 10_500, bytesOf: () => 1_000 });
    const ids = await newTasks(30);
    const [watched = ''] = ids;
    const told = await follow(watched);

    for (const id of ids.slice(1)) await own.snapshots.find(id);

    expect(own.snapshots.size).toBeLessThanOrEqual(11);
    expect((await own.snapshots.find(watched))?.id).toBe(watched);
    const version = await bump(watched);
    await eventually(() => told.news.length > 0);
    expect(told.news).toEqual([version]);
  });

  it('that is too small for one answer answers all the same', async () => {
    await startAgain({ maxBytes: 10, bytesOf: () => 1_000 });
    const ids = await newTasks(3);
    const told = await Promise.all(ids.map(follow));

    const version = await bump(ids[1] ?? '');
    await eventually(() => told[1]?.news.length === 1);

    expect(told.map(({ news }) => news)).toEqual([[], [version], []]);
    expect((await own.snapshots.find(ids[2] ?? ''))?.version).toBe(1);
  });

  it('tells a watcher of what it had dropped by the time the watcher came', async () => {
    await startAgain({ maxBytes: 10, bytesOf: () => 1_000 });
    const id = await newTask();
    const early = await own.snapshots.find(id);
    await follow(id);
    const version = await bump(id);
    await eventually(() => own.gate.count('snapshot-changes') > 0 && own.snapshots.current(id) === undefined);
    await own.tick();

    const late = new Told();
    if (early) own.snapshots.watch(early, late);

    await eventually(() => late.news.length > 0);
    expect(late.news).toEqual([version]);
  });
});

it('a first read does not bring back what memory knew better when it left the set', async () => {
  await startAgain({ maxBytes: 10, bytesOf: () => 1_000 });
  const id = await newTask();
  const release = own.gate.hold('snapshot-rows');
  const reading = own.snapshots.read(id);
  await sleep(100);

  const version = await bump(id);
  own.snapshots.put(await rowOf(store, id));
  expect(own.snapshots.size).toBe(0);
  release();

  expect((await reading)?.version).toBe(version);
});

it('the same row is the same answer, whether it was read or written', async () => {
  const id = await newTask();
  const read = await own.snapshots.read(id);
  const row = await readTask(store, id);

  const written = row && own.snapshots.put(row);

  expect(JSON.stringify(written?.answer)).toBe(JSON.stringify(read?.answer));
});
