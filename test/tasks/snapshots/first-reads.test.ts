import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { newId } from '../../../src/tasks/model/ids.ts';

import { maxWaiting, TooManyReadsError } from '../../../src/tasks/snapshots/first-reads.ts';

import { eventually } from '../../support/eventually.ts';
import { addFinished } from '../../support/finished.ts';
import { bump, newTask, newTasks, useSnapshots } from '../../support/snapshots.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();
const own = useSnapshots(store);

describe('a first read', () => {
  it('shares its statement with all that are asked for at the same time', async () => {
    const ids = await newTasks(store, 20);

    const found = await Promise.all([...ids, ...ids].map((id) => own.snapshots.find(id)));

    expect(found.map((snapshot) => snapshot?.id)).toEqual([...ids, ...ids]);
    expect(own.gate.count('snapshot-rows')).toBeLessThanOrEqual(2);
  });

  it('that is asked for while another is under way waits for the next, which begins later', async () => {
    const [first = '', second = ''] = await newTasks(store, 2);
    const release = own.gate.hold('snapshot-rows');
    const reading = own.snapshots.read(first);
    await eventually(() => own.gate.countAnswered('snapshot-rows') === 1);

    const version = await bump(store, second);
    const later = [own.snapshots.read(second), own.snapshots.read(second), own.snapshots.read(first)];
    // Longer than statements are apart; on a busy machine this sees less, and fails no sooner.
    await sleep(20);
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

  it('of one task goes before those of many', async () => {
    const [alone = '', ...ids] = await addFinished(store.db.pool, { count: 3_501 });
    const release = own.gate.hold('snapshot-rows');
    const first = own.snapshots.read(ids[0] ?? '', { isOneOfMany: true });
    await eventually(() => own.gate.count('snapshot-rows') === 1);

    const many = Promise.all(ids.slice(1).map((id) => own.snapshots.read(id, { isOneOfMany: true })));
    const reading = [alone, ids.at(-1) ?? ''].map((id) => own.snapshots.read(id));
    release();

    expect((await first)?.id).toBe(ids[0]);
    expect((await Promise.all(reading)).map((snapshot) => snapshot?.id)).toEqual([alone, ids.at(-1)]);
    expect(own.gate.count('snapshot-rows')).toBe(2);
    expect((await many).map((snapshot) => snapshot?.id)).toEqual(ids.slice(1));
    expect(own.gate.count('snapshot-rows')).toBe(5);
  });

  it('after the other costs at most a hundred statements a second', async () => {
    const ids = await addFinished(store.db.pool, { count: 100 });
    own.clock.go();
    const startedMs = performance.now();

    const reads: Promise<unknown>[] = [];
    for (const id of ids) {
      reads.push(own.snapshots.read(id));
      await sleep(3);
    }
    await Promise.all(reads);

    const statements = own.gate.count('snapshot-rows');
    const seconds = (performance.now() - startedMs) / 1000;
    expect(statements).toBeLessThanOrEqual(seconds * 100 + 1);
  });

  it('that nobody waits for any more is left out, and made where one still does', async () => {
    const [first = '', left = '', shared = ''] = await newTasks(store, 3);
    const release = own.gate.hold('snapshot-rows');
    const reading = own.snapshots.read(first);
    await eventually(() => own.gate.count('snapshot-rows') === 1);
    const gone = { hasLeft: false };

    const abandoned = own.snapshots.read(left, { asker: gone });
    const ofOne = own.snapshots.read(shared, { asker: gone });
    const ofTwo = own.snapshots.read(shared, { asker: { hasLeft: false } });
    gone.hasLeft = true;
    release();

    await expect(abandoned).rejects.toThrow('Nobody waits');
    expect((await ofTwo)?.id).toBe(shared);
    expect((await ofOne)?.id).toBe(shared);
    await reading;
    expect(own.gate.count('snapshot-rows')).toBe(2);
    expect(own.snapshots.current(left)).toBeUndefined();
  });

  it('past those that are read in a moment is refused; what the service itself asks for is not', async () => {
    const [first = '', alone = ''] = await newTasks(store, 2);
    const release = own.gate.hold('snapshot-rows');
    const reading = own.snapshots.read(first);
    await eventually(() => own.gate.count('snapshot-rows') === 1);
    const asker = { hasLeft: false };
    const ofMany = { isOneOfMany: true, asker };

    const waiting = Array.from({ length: maxWaiting }, () => own.snapshots.read(newId(), ofMany));
    const refused = own.snapshots.read(newId(), ofMany);

    await expect(refused).rejects.toThrow(TooManyReadsError);
    const others = [own.snapshots.read(alone, { asker }), own.snapshots.read(alone, { isOneOfMany: true })];
    release();
    expect((await Promise.all(others)).map((snapshot) => snapshot?.id)).toEqual([alone, alone]);
    await Promise.all([reading, ...waiting]);
    expect(await own.snapshots.read(newId(), ofMany)).toBeUndefined();
  });

  it('that fails is told to those who asked, and the next is none the worse', async () => {
    const id = await newTask(store);
    await store.db.pool.query('ALTER TABLE task_state RENAME TO away');
    const failed = own.snapshots.read(id);

    await expect(failed).rejects.toThrow('task_state');
    await store.db.pool.query('ALTER TABLE away RENAME TO task_state');

    expect((await own.snapshots.read(id))?.id).toBe(id);
  });
});
