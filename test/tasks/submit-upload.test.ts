/** `submitTask` with an upload, which becomes the file of its task. */
import { describe, expect, it } from 'vitest';
import { findFile, readChunk, Upload } from '../../src/tasks/files/files.ts';
import { submitTask } from '../../src/tasks/life/submit.ts';
import { liveEntries } from '../support/queue-entries.ts';
import { submitRequest } from '../support/service.ts';
import { refuseRows, useStore } from '../support/tasks.ts';

const store = useStore();
const taskCount = () => store.db.prisma.taskState.count();

describe('a submit with an upload', () => {
  const begin = async (bytes: string) => {
    const upload = await Upload.begin(store, { name: 'people.csv', contentType: 'text/csv' });
    await upload.write(Buffer.from(bytes));
    return { ...(await upload.finish()), field: 'file' };
  };

  it('makes the file complete, and the task’s own', async () => {
    const upload = await begin('a,b\n1,2\n');
    expect(await findFile(store.db, upload.id)).toBeNull();

    const { task } = await submitTask(store, submitRequest({ upload }));

    expect(await findFile(store.db, upload.id)).toEqual({
      id: upload.id,
      name: 'people.csv',
      contentType: 'text/csv',
      size: 8,
    });
    expect(await store.db.prisma.file.findUnique({ where: { id: upload.id } })).toMatchObject({
      taskId: task.id,
      sha256: upload.sha256,
    });
    expect((await readChunk(store.db, upload.id, 0))?.toString()).toBe('a,b\n1,2\n');
  });

  it('leaves it incomplete where the submit breaks', async () => {
    const upload = await begin('a');
    await using _refusal = await refuseRows(store, 'pgboss.job');

    await expect(submitTask(store, submitRequest({ upload }))).rejects.toThrow('refused by the test');

    expect(await findFile(store.db, upload.id)).toBeNull();
  });

  it('leaves it incomplete where the key’s task answers', async () => {
    const first = await begin('a');
    await submitTask(store, submitRequest({ key: 'k', input: { file: first.id }, upload: first }));
    const upload = await begin('a');

    const { outcome } = await submitTask(
      store,
      submitRequest({ key: 'k', input: { file: upload.id }, upload }),
    );

    expect(outcome).toBe('existing');
    expect(await findFile(store.db, upload.id)).toBeNull();
  });

  it('is refused whole where the upload was swept away', async () => {
    const upload = await begin('a');
    await store.db.prisma.file.deleteMany();

    await expect(submitTask(store, submitRequest({ upload }))).rejects.toThrow('is no longer whole');

    expect(await taskCount()).toBe(0);
    expect(await liveEntries(store)).toEqual([]);
  });

  it('is refused whole where the upload is another task’s already', async () => {
    const upload = await begin('a');
    const { task } = await submitTask(store, submitRequest({ upload }));

    await expect(submitTask(store, submitRequest({ upload }))).rejects.toThrow('is no longer whole');

    expect(await store.db.prisma.file.findUnique({ where: { id: upload.id } })).toMatchObject({
      taskId: task.id,
    });
  });
});
