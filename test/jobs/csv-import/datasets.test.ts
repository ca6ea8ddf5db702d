import { describe, expect, it } from 'vitest';
import { beginImport, insertRows, publish } from '../../../src/jobs/csv-import/datasets.ts';
import { RowLines } from '../../../src/jobs/csv-import/row-lines.ts';
import { sweepReplacedImports } from '../../../src/jobs/csv-import/sweep.ts';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { succeedAlone } from '../../../src/tasks/life/end.ts';
import { newId } from '../../../src/tasks/model/ids.ts';
import { emptyReport } from '../../../src/tasks/model/progress-report.ts';
import { openTransaction, untilBlocked } from '../../support/locks.ts';
import { submit } from '../../support/service.ts';
import { runTask, useStore } from '../../support/tasks.ts';

const store = useStore();

/** Imports this many rows, as an attempt does that is then interrupted. */
async function importRows(importId: string, count: number): Promise<void> {
  await store.db.prisma.$transaction(async (tx) => {
    await beginImport(tx, importId);
    const lines = new RowLines(['a']);
    for (let row = 0; row < count; row += 1) lines.add([String(row)]);
    await insertRows(tx, { importId, firstNumber: 1, lines: lines.take() });
  });
}

const rowsOf = (importId: string) => store.db.prisma.datasetRow.count({ where: { importId } });
const isKnown = async (id: string) => (await store.db.prisma.datasetImport.count({ where: { id } })) === 1;

describe('an import that begins again from the start', () => {
  it('deletes the rows of its earlier attempts', async () => {
    const id = newId();
    await importRows(id, 10);

    await importRows(id, 3);

    expect(await rowsOf(id)).toBe(3);
  });
});

describe('the rows of an import that was never shown', () => {
  it('are kept while its task is unfinished or can be retried', async () => {
    const { taskId: running } = await runTask(store);
    const { id: cancelled } = await submit(store, 'noop', null);
    await cancelTask(store, cancelled);
    for (const id of [running, cancelled]) await importRows(id, 2);

    await sweepReplacedImports(store.db);

    expect([await rowsOf(running), await rowsOf(cancelled)]).toEqual([2, 2]);
  });

  it('are deleted once another task has its key, so that the task cannot be retried', async () => {
    const { id } = await submit(store, 'noop', null, { key: 'k' });
    await cancelTask(store, id);
    await importRows(id, 2);
    await submit(store, 'noop', null, { key: 'k', onConflict: 'replaceFinished' });

    await sweepReplacedImports(store.db);

    expect([await rowsOf(id), await isKnown(id)]).toEqual([0, false]);
  });

  it('are found again when another process deletes only a part of them at the same time', async () => {
    const id = newId();
    await importRows(id, 5_001);
    await using other = await openTransaction(store);
    // Exactly one batch of the sweep.
    await other.query('DELETE FROM dataset_row WHERE import_id = $1 AND number <= 5000', [id]);

    const sweeping = sweepReplacedImports(store.db);
    await untilBlocked(store);
    await other.query('COMMIT');
    await sweeping;

    expect([await rowsOf(id), await isKnown(id)]).toEqual([1, true]);
    await sweepReplacedImports(store.db);
    expect([await rowsOf(id), await isKnown(id)]).toEqual([0, false]);
  });

  it('do not delay a stop: a later sweep deletes the rest', async () => {
    const id = newId();
    await importRows(id, 5_001);

    await sweepReplacedImports(store.db, AbortSignal.abort());

    expect([await rowsOf(id), await isKnown(id)]).toEqual([1, true]);
  });

  it('are deleted after its task', async () => {
    const id = newId();
    await importRows(id, 2);

    await sweepReplacedImports(store.db);

    expect([await rowsOf(id), await isKnown(id)]).toEqual([0, false]);
  });
});

describe('the rows that a dataset shows', () => {
  it('are kept until other rows replace them, even without their task', async () => {
    const task = await runTask(store);
    const name = newId();
    const show = (importId: string) =>
      store.db.prisma.$transaction((tx) =>
        publish(tx, { id: task.taskId, name, columns: ['a'], rowCount: 2, importId }),
      );
    await importRows(task.taskId, 2);
    await show(task.taskId);
    await succeedAlone(store, [{ ...task, result: '{}', report: emptyReport }]);
    await store.db.pool.query('DELETE FROM task_state');

    await sweepReplacedImports(store.db);
    expect(await rowsOf(task.taskId)).toBe(2);

    const newer = newId();
    await importRows(newer, 2);
    await show(newer);
    await sweepReplacedImports(store.db);
    expect([await rowsOf(task.taskId), await rowsOf(newer)]).toEqual([0, 2]);
  });
});
