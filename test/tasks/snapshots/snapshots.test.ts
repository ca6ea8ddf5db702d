import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { readTask } from '../../../src/tasks/queries/read.ts';
import { eventually } from '../../support/eventually.ts';
import { bump, newTask, newTasks, Told, useSnapshots } from '../../support/snapshots.ts';
import { rowOf, useStore } from '../../support/tasks.ts';

const store = useStore();
const own = useSnapshots(store);

describe('the set', () => {
  it('keeps a polled task for at least five seconds, and then reads it anew', async () => {
    const id = await newTask(store);
    const found = await own.snapshots.find(id);
    if (found) own.snapshots.keep(found, 0);

    own.clock.pass(4_999);
    await own.tick();
    expect(own.snapshots.size).toBe(1);
    own.clock.pass(1);
    await eventually(() => own.snapshots.size === 0);

    const version = await bump(store, id);
    expect((await own.snapshots.find(id))?.version).toBe(version);
  });

  it('keeps a task that will be polled later for as long as it was told', async () => {
    const [short = '', long = ''] = await newTasks(store, 2);
    for (const [id, ms] of [
      [short, 0],
      [long, 60_000],
    ] as const) {
      const found = await own.snapshots.find(id);
      if (found) own.snapshots.keep(found, ms);
    }

    own.clock.pass(59_999);
    await own.tick();
    expect(own.snapshots.size).toBe(1);
    expect(own.snapshots.current(long)).toBeDefined();
    own.clock.pass(1);
    await eventually(() => own.snapshots.size === 0);
  });

  it('lets go of a task that nobody watches any more', async () => {
    const id = await newTask(store);
    const found = await own.snapshots.find(id);
    const told = new Told();
    const unwatch = found && own.snapshots.watch(found, told);
    own.clock.pass(60_000);
    await own.tick();
    expect(own.snapshots.size).toBe(1);

    unwatch?.();
    await eventually(() => own.snapshots.size === 0);

    await bump(store, id);
    expect(told.news).toEqual([]);
  });
});

describe('a write of this process', () => {
  it('is known at once', async () => {
    const id = await newTask(store);
    const told = await own.follow(id);

    const cancelled = await cancelTask(store, id);
    if (cancelled) own.snapshots.put(cancelled.task);

    expect(own.snapshots.current(id)?.answer.status).toBe('cancelled');
    expect(told.news).toEqual([cancelled?.task.version]);
  });

  it('is not undone by a first read that began before it', async () => {
    const id = await newTask(store);
    const release = own.gate.hold('snapshot-rows');
    const reading = own.snapshots.read(id);
    await eventually(() => own.gate.countAnswered('snapshot-rows') === 1);

    const version = await bump(store, id);
    own.snapshots.put(await rowOf(store, id));
    release();

    expect((await reading)?.version).toBe(version);
    expect(own.snapshots.current(id)?.version).toBe(version);
  });

  it('is not undone by a refresh that began before it', async () => {
    const id = await newTask(store);
    const told = await own.follow(id);
    await bump(store, id);
    const release = own.gate.hold('snapshot-changes');
    const sent = own.gate.count('snapshot-changes');
    await eventually(() => own.gate.countAnswered('snapshot-changes') > sent);

    const version = await bump(store, id);
    own.snapshots.put(await rowOf(store, id));
    release();
    await own.tick();

    expect(told.news.at(-1)).toBe(version);
    expect(own.snapshots.current(id)?.version).toBe(version);
    expect(told.news.every((news, index, all) => index === 0 || news > (all[index - 1] ?? 0))).toBe(true);
  });

  it('of which only the version is known keeps memory from answering until the row is read', async () => {
    const id = await newTask(store);
    const told = await own.follow(id);
    const release = own.gate.hold('snapshot-changes');
    const version = await bump(store, id);

    own.snapshots.raise(id, version);

    expect(own.snapshots.current(id)).toBeUndefined();
    expect((await own.snapshots.find(id))?.version).toBe(version);
    release();
    await own.tick();
    expect(told.news).toEqual([version]);
  });

  it('whose version is known already changes nothing', async () => {
    const id = await newTask(store);
    await own.follow(id);

    own.snapshots.raise(id, 1);

    expect(own.snapshots.current(id)?.version).toBe(1);
  });

  it('that overtakes a read makes it read again', async () => {
    const id = await newTask(store);
    const release = own.gate.hold('snapshot-rows');
    const reading = own.snapshots.read(id);
    await eventually(() => own.gate.countAnswered('snapshot-rows') === 1);

    const version = await bump(store, id);
    own.snapshots.raise(id, version);
    release();

    expect((await reading)?.version).toBe(version);
  });
});

describe('a client that knows a newer version', () => {
  it('gets what the database has', async () => {
    const id = await newTask(store);
    await own.startAgain({ tickMs: 10_000 });
    await own.follow(id);
    const version = await bump(store, id);

    expect((await own.snapshots.find(id, version))?.version).toBe(version);
  });

  it('that does not exist gets what the database has', async () => {
    const id = await newTask(store);
    await own.follow(id);

    expect((await own.snapshots.find(id, 1_000_000_000))?.version).toBe(1);
  });
});

describe('memory', () => {
  it('stays below its limit: tasks that nobody has asked for longest go, watched ones are read again', async () => {
    await own.startAgain({ maxBytes: 10_500, bytesOf: () => 1_000 });
    const ids = await newTasks(store, 30);
    const [watched = ''] = ids;
    const told = await own.follow(watched);

    for (const id of ids.slice(1)) await own.snapshots.find(id);

    expect(own.snapshots.size).toBeLessThanOrEqual(11);
    expect((await own.snapshots.find(watched))?.id).toBe(watched);
    const version = await bump(store, watched);
    await eventually(() => told.news.length > 0);
    expect(told.news).toEqual([version]);
  });

  it('that is too small for one answer answers all the same', async () => {
    await own.startAgain({ maxBytes: 10, bytesOf: () => 1_000 });
    const ids = await newTasks(store, 3);
    const told = await Promise.all(ids.map(own.follow));

    const version = await bump(store, ids[1] ?? '');
    await eventually(() => told[1]?.news.length === 1);

    expect(told.map(({ news }) => news)).toEqual([[], [version], []]);
    expect((await own.snapshots.find(ids[2] ?? ''))?.version).toBe(1);
  });

  it('tells a watcher of a version whose snapshot it had dropped before the watcher came', async () => {
    await own.startAgain({ maxBytes: 10, bytesOf: () => 1_000 });
    const id = await newTask(store);
    const early = await own.snapshots.find(id);
    await own.follow(id);
    const version = await bump(store, id);
    await eventually(() => own.gate.count('snapshot-changes') > 0 && own.snapshots.current(id) === undefined);
    await own.tick();

    const late = new Told();
    if (early) own.snapshots.watch(early, late);

    await eventually(() => late.news.length > 0);
    expect(late.news).toEqual([version]);
  });
});

it('a first read does not bring back an older version of a task that has left the set', async () => {
  await own.startAgain({ maxBytes: 10, bytesOf: () => 1_000 });
  const id = await newTask(store);
  const release = own.gate.hold('snapshot-rows');
  const reading = own.snapshots.read(id);
  await eventually(() => own.gate.countAnswered('snapshot-rows') === 1);

  const version = await bump(store, id);
  own.snapshots.put(await rowOf(store, id));
  expect(own.snapshots.size).toBe(0);
  release();

  expect((await reading)?.version).toBe(version);
});

it('the same row gives the same answer, whether it was read or written', async () => {
  const id = await newTask(store);
  const read = await own.snapshots.read(id);
  const row = await readTask(store, id);

  const written = row && own.snapshots.put(row);

  expect(JSON.stringify(written?.answer)).toBe(JSON.stringify(read?.answer));
});
