import { describe, expect, it } from 'vitest';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { newId } from '../../../src/tasks/model/ids.ts';
import { readHistory } from '../../../src/tasks/queries/read.ts';
import { repairEntries } from '../../../src/tasks/queue/repair.ts';
import { violations } from '../../support/invariants.ts';
import { ageEntries, ageFetches, entryState, fetchByHand, liveEntries } from '../../support/queue-entries.ts';
import { submit } from '../../support/service.ts';
import { kindsOf, rowOf, runTask, useStore } from '../../support/tasks.ts';

const store = useStore();

const settled = async (leaseSeconds = 15) => (await repairEntries(store, leaseSeconds)).settled;

async function addEntry(taskId: string): Promise<string> {
  const id = newId();
  await store.queue.send([{ id, taskId, type: 'noop', losses: 0 }], store.db.pool);
  return id;
}

describe('an entry whose task does not wait for it', () => {
  it('is settled where the task is gone', async () => {
    const entryId = await addEntry(newId());
    await ageEntries(store, 60);

    expect(await settled()).toEqual([entryId]);

    expect(await entryState(store, entryId)).toBe('cancelled');
  });

  it('is settled where the task is finished, and adds nothing to its history', async () => {
    const task = await submit(store, 'noop', null);
    await cancelTask(store, task.id);
    const entryId = await addEntry(task.id);
    await ageEntries(store, 60);

    expect(await settled()).toEqual([entryId]);

    expect(await kindsOf(store, task.id)).toEqual(['submitted', 'cancelled']);
    expect(await violations(store)).toEqual([]);
  });

  it('is settled where the task runs, and its history says so', async () => {
    const { taskId } = await runTask(store);
    const { version } = await rowOf(store, taskId);
    const entryId = await addEntry(taskId);
    await ageEntries(store, 60);

    expect(await settled()).toEqual([entryId]);

    expect(await readHistory(store, taskId)).toMatchObject([
      {},
      { kind: 'started' },
      {
        kind: 'entry_settled',
        attempt: 1,
        detail: { message: 'the task did not wait for this queue entry' },
      },
    ]);
    expect(await rowOf(store, taskId)).toMatchObject({ status: 'running', version: version + 1 });
  });

  it('is settled where the task waits for another entry, which stays', async () => {
    const task = await submit(store, 'noop', null);
    const second = await addEntry(task.id);
    await ageEntries(store, 60);

    expect(await settled()).toEqual([second]);

    expect(await liveEntries(store)).toMatchObject([{ id: task.entryId }]);
  });

  it('is settled where it was fetched by somebody who never claimed it', async () => {
    const task = await submit(store, 'noop', null);
    const entry = { id: task.entryId ?? '', type: 'noop', losses: 0 };
    await fetchByHand(store);
    await cancelTask(store, task.id);
    await store.db.pool.query(`UPDATE pgboss.job SET state = 'active', completed_on = NULL`);
    await ageEntries(store, 60);
    await ageFetches(store, 60);

    expect(await settled()).toEqual([entry.id]);
  });

  it('is left alone for a lease', async () => {
    const entryId = await addEntry(newId());
    await ageEntries(store, 3000);

    expect(await settled(3600)).toEqual([]);
    expect(await settled(2999)).toEqual([entryId]);
  });

  it('is settled even where its data cannot name a task', async () => {
    const entryId = await addEntry(newId());
    await store.db.pool.query(`UPDATE pgboss.job SET data = '{"taskId": "not an id"}'`);

    expect(await settled(0)).toEqual([entryId]);
  });

  it('is left alone in a queue that is not Headway’s', async () => {
    await store.queue.ensureQueues(['others']);
    await store.db.pool.query(
      `INSERT INTO pgboss.job (name, data, policy) VALUES ('others', '{"their": "job"}', 'standard')`,
    );

    expect(await settled(0)).toEqual([]);
    expect(await liveEntries(store)).toHaveLength(1);
  });
});
