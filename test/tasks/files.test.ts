import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { inTransaction } from '../../src/database/database.ts';
import { chunkBytes, completeFile, findFile, readChunk, Upload } from '../../src/tasks/files/files.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import { sweepFiles } from '../../src/tasks/upkeep/file-sweep.ts';
import { eventually } from '../support/eventually.ts';
import { openTransaction } from '../support/locks.ts';
import { useStore } from '../support/tasks.ts';

const store = useStore();
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

function begin(name = 'people.csv'): Promise<Upload> {
  return Upload.begin(store, { name, contentType: 'text/csv' });
}

/** Cuts bytes into pieces of these lengths, over and over. */
function piecesOf(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const length = lengths[pieces.length % lengths.length] ?? 1;
    pieces.push(bytes.subarray(from, from + length));
    from += length;
  }
  return pieces;
}

/** Uploads in pieces and completes it, as a submit does. */
async function uploadComplete(bytes: Buffer, lengths: readonly number[]): Promise<Upload> {
  const upload = await begin();
  for (const piece of piecesOf(bytes, lengths)) await upload.write(piece);
  const finished = await upload.finish();
  expect(finished).toEqual({ id: upload.id, sha256: sha256(bytes), size: bytes.length });
  await inTransaction(store.db.pool, (connection) => completeFile(connection, finished, newId()));
  return upload;
}

async function readAll(id: string, fromByte: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let offset = fromByte;
  for (;;) {
    const chunk = await readChunk(store.db, id, offset);
    if (!chunk) return Buffer.concat(chunks);
    chunks.push(chunk);
    offset += chunk.length;
  }
}

const chunkLengths = async (id: string) => {
  const { rows } = await store.db.pool.query<{ length: number }>(
    'SELECT length(data) FROM file_chunk WHERE file_id = $1 ORDER BY number',
    [id],
  );
  return rows.map((row) => row.length);
};

const setTouched = (id: string, minutesAgo: number) =>
  store.db.pool.query('UPDATE file SET touched_at = now() - make_interval(mins => $2) WHERE id = $1', [
    id,
    minutesAgo,
  ]);

describe('a file', () => {
  it('has chunks of 256 KiB', () => {
    expect(chunkBytes).toBe(262_144);
  });

  it.each([
    [0, []],
    [1, [1]],
    [262_143, [262_143]],
    [262_144, [262_144]],
    [262_145, [262_144, 1]],
    [786_432, [262_144, 262_144, 262_144]],
  ])('of %i bytes comes back the same from any offset', async (size, chunks) => {
    const bytes = randomBytes(size);

    const { id } = await uploadComplete(bytes, [65_536]);

    expect(await chunkLengths(id)).toEqual(chunks);
    expect(await findFile(store.db, id)).toMatchObject({ size });
    for (const offset of [0, 1, 262_143, 262_144, 262_145, size - 1, size, size + 1_000_000]) {
      const from = Math.max(0, offset);
      expect((await readAll(id, from)).equals(bytes.subarray(from))).toBe(true);
    }
  });

  it.each([
    ['odd pieces', [1, 99_991, 7, 300_007, 65_536]],
    ['one piece', [4_000_000]],
    ['pieces of a chunk', [262_144]],
    ['pieces a byte short of a chunk', [262_143]],
    ['pieces a byte longer', [262_145]],
  ])('of 3 MB in %s comes back the same', async (_name, lengths) => {
    const bytes = randomBytes(3_000_017);

    const { id } = await uploadComplete(bytes, lengths);

    expect((await readAll(id, 0)).equals(bytes)).toBe(true);
    expect((await readAll(id, 1_234_567)).equals(bytes.subarray(1_234_567))).toBe(true);
    expect((await chunkLengths(id)).slice(0, -1)).toEqual(Array(11).fill(262_144));
  });

  it('of many tiny pieces is one chunk', async () => {
    const bytes = randomBytes(5000);

    const { id } = await uploadComplete(bytes, [1]);

    expect(await chunkLengths(id)).toEqual([5000]);
    expect((await readAll(id, 0)).equals(bytes)).toBe(true);
  });

  it('has its name cleansed and cut', async () => {
    const upload = await begin(`a\0\ud800${'x'.repeat(300)}`);
    const finished = await upload.finish();
    await inTransaction(store.db.pool, (connection) => completeFile(connection, finished, newId()));

    const file = await findFile(store.db, upload.id);

    expect(file?.name).toMatch(/^a\ufffdx+…$/);
    expect(file?.name.length).toBeLessThanOrEqual(200);
  });

  it('is not found before it is complete, nor under another id', async () => {
    const upload = await begin();
    await upload.write(Buffer.from('a'));
    await upload.finish();

    expect(await findFile(store.db, upload.id)).toBeNull();
    expect(await findFile(store.db, newId())).toBeNull();
    expect(await readChunk(store.db, newId(), 0)).toBeNull();
  });
});

describe('an upload', () => {
  it('that is aborted leaves nothing', async () => {
    const upload = await begin();
    await upload.write(randomBytes(600_000));

    await upload.abort();

    expect(await store.db.prisma.file.count()).toBe(0);
    expect(await store.db.prisma.fileChunk.count()).toBe(0);
  });

  it('that a submit has taken is not deleted by a late abort', async () => {
    const upload = await begin();
    await upload.write(Buffer.from('taken'));
    const finished = await upload.finish();
    await inTransaction(store.db.pool, (connection) => completeFile(connection, finished, newId()));

    await upload.abort();

    expect((await readAll(upload.id, 0)).toString()).toBe('taken');
  });

  it('commits chunk by chunk, and holds less than a chunk in memory', async () => {
    const upload = await begin();

    await upload.write(randomBytes(262_143));
    expect(await chunkLengths(upload.id)).toEqual([]);
    await upload.write(randomBytes(1));
    await eventually(async () => (await chunkLengths(upload.id))[0] === 262_144);
  });

  it('is touched by each chunk', async () => {
    const upload = await begin();
    const touchedAt = async () =>
      (await store.db.prisma.file.findUniqueOrThrow({ where: { id: upload.id } })).touchedAt.getTime();
    await setTouched(upload.id, 9);
    const before = await touchedAt();

    await upload.write(randomBytes(262_144));

    await eventually(async () => (await touchedAt()) > before + 8 * 60_000);
  });

  it('that was swept away meanwhile writes no chunks that nobody would find', async () => {
    const upload = await begin();
    await upload.write(randomBytes(262_144));
    await eventually(async () => (await store.db.prisma.fileChunk.count()) === 1);
    await setTouched(upload.id, 11);
    await sweepFiles(store.db.pool);

    await upload.write(randomBytes(262_144));

    const finished = await upload.finish();
    expect(await store.db.prisma.fileChunk.count()).toBe(0);
    const completed = inTransaction(store.db.pool, (connection) =>
      completeFile(connection, finished, newId()),
    );
    await expect(completed).rejects.toThrow('is no longer whole');
  });
});

describe('the sweep', () => {
  it('deletes uploads that nobody has touched for ten minutes, and their chunks', async () => {
    const [old, recent] = [await begin(), await begin()];
    await old.write(randomBytes(262_144));
    await recent.write(randomBytes(262_144));
    await setTouched(old.id, 11);
    await setTouched(recent.id, 5);

    expect(await sweepFiles(store.db.pool)).toBe(1);

    expect(await store.db.prisma.file.findMany({ select: { id: true } })).toEqual([{ id: recent.id }]);
    expect(await chunkLengths(old.id)).toEqual([]);
    expect(await chunkLengths(recent.id)).toEqual([262_144]);
    expect(await sweepFiles(store.db.pool)).toBe(0);
  });

  it('leaves complete files alone, however old', async () => {
    const { id } = await uploadComplete(Buffer.from('a'), [1]);
    await setTouched(id, 10_000);

    expect(await sweepFiles(store.db.pool)).toBe(0);

    expect((await readAll(id, 0)).toString()).toBe('a');
  });

  it('leaves an upload alone that is completed at this moment', async () => {
    const upload = await begin();
    await upload.write(Buffer.from('a'));
    const finished = await upload.finish();
    await setTouched(upload.id, 11);
    await using submitting = await openTransaction(store);
    await completeFile(submitting, finished, newId());

    expect(await sweepFiles(store.db.pool)).toBe(0);
    await submitting.query('COMMIT');

    expect(await sweepFiles(store.db.pool)).toBe(0);
    expect(await findFile(store.db, upload.id)).toMatchObject({ size: 1 });
    expect((await readAll(upload.id, 0)).toString()).toBe('a');
  });
});
