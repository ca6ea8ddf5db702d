/**
 * Stores files in PostgreSQL, in chunks, so that no process needs the disk of another. Each chunk of an
 * upload commits by itself, so that no transaction is open while the upload waits for its client, and is
 * written while the next one is received. A file can be read only when it is complete.
 */

import { createHash, type Hash } from 'node:crypto';
import type { Connection, Database } from '../../database/database.ts';
import { tables } from '../../database/names.ts';
import { newId } from '../model/ids.ts';
import { cleanseAndCut } from '../model/text.ts';
import type { Store } from '../store.ts';

/** Every chunk but a file's last has this length, in bytes. */
export const chunkBytes = 256 * 1024;

export interface FinishedUpload {
  readonly id: string;
  /** Hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** A finished upload that is to become the file of a task. */
export interface TaskUpload extends FinishedUpload {
  /** The top-level field of the task's input that contains the id of the file. */
  readonly field: string;
}

export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  readonly size: number;
}

/** Thrown when the database no longer has all of an upload: its submit did not happen. */
export class LostUploadError extends Error {
  override name = 'LostUploadError';
}

/** A file that is being received. Nobody can read it before its submit has committed. */
export class Upload {
  readonly id: string;
  private readonly db: Database;
  private readonly hash: Hash = createHash('sha256');
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private chunks = 0;
  private size = 0;
  private writing: Promise<void> = Promise.resolve();

  private constructor(db: Database, id: string) {
    this.db = db;
    this.id = id;
  }

  static async begin(store: Store, file: { name: string; contentType: string }): Promise<Upload> {
    const id = newId();
    await store.db.prisma.file.create({
      data: { id, name: cleanseAndCut(file.name, 200), contentType: cleanseAndCut(file.contentType, 200) },
    });
    return new Upload(store.db, id);
  }

  /** Adds bytes, and resolves when at most one chunk is being written, and less than another one waits. */
  async write(bytes: Buffer): Promise<void> {
    this.hash.update(bytes);
    this.size += bytes.length;
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    if (this.pendingBytes < chunkBytes) return;
    const whole = Buffer.concat(this.pending);
    let from = 0;
    for (; whole.length - from >= chunkBytes; from += chunkBytes) {
      await this.beginChunk(whole.subarray(from, from + chunkBytes));
    }
    this.pending = [Buffer.from(whole.subarray(from))];
    this.pendingBytes = whole.length - from;
  }

  /** Writes the last chunk. The file is complete when its submit commits. */
  async finish(): Promise<FinishedUpload> {
    if (this.pendingBytes > 0) await this.beginChunk(Buffer.concat(this.pending));
    this.pending = [];
    await this.writing;
    return { id: this.id, sha256: this.hash.digest('hex'), size: this.size };
  }

  /** Deletes what was written, unless a submit has completed the file. */
  async abort(): Promise<void> {
    await this.writing.catch(() => undefined);
    await deleteIncomplete(this.db, this.id);
  }

  /** Begins to write a chunk when the one before is written. */
  private async beginChunk(data: Buffer): Promise<void> {
    await this.writing;
    this.writing = this.writeChunk(data);
    // Whoever adds the next chunk or finishes the upload sees the error.
    this.writing.catch(() => undefined);
  }

  private async writeChunk(data: Buffer): Promise<void> {
    // One statement is one transaction. It also touches the file, so that the sweep does not delete an upload
    // that is still being sent. The statement does not wait for the disk: nobody relies on a chunk before the
    // submit has committed, and the COMMIT of the submit writes all chunks to the disk, too. A chunk that a crash
    // of PostgreSQL has lost by then is missed by `completeFile`.
    await this.db.pool.query({
      name: 'write-chunk',
      text: `WITH touched AS (UPDATE ${tables.file} SET touched_at = now()
                              WHERE id = $1 AND completed_at IS NULL AND set_config('synchronous_commit', 'off', TRUE) = 'off'
                              RETURNING id)
             INSERT INTO ${tables.fileChunk} (file_id, number, data) SELECT id, $2, $3 FROM touched`,
      values: [this.id, this.chunks, data],
    });
    this.chunks += 1;
  }
}

/**
 * Marks an upload complete and gives it to its task, in the submit's transaction.
 * @throws {LostUploadError} when a chunk is missing, or the upload was deleted
 */
export async function completeFile(
  connection: Connection,
  upload: FinishedUpload,
  taskId: string,
): Promise<void> {
  const { rowCount } = await connection.query({
    name: 'complete-file',
    text: `UPDATE ${tables.file} SET task_id = $2, size = $3, sha256 = $4, touched_at = now(), completed_at = now()
           WHERE id = $1 AND completed_at IS NULL
             AND (SELECT count(*) FROM ${tables.fileChunk} WHERE file_id = $1) = $5`,
    values: [upload.id, taskId, upload.size, upload.sha256, Math.ceil(upload.size / chunkBytes)],
  });
  if (rowCount !== 1) throw new LostUploadError(`The upload ${upload.id} is no longer whole`);
}

/** Deletes an incomplete upload in one statement: nothing would ever delete chunks whose file row is gone. */
async function deleteIncomplete(db: Database, id: string): Promise<void> {
  await db.pool.query(
    `WITH incomplete AS MATERIALIZED (SELECT id FROM ${tables.file} WHERE id = $1 AND completed_at IS NULL FOR UPDATE),
     chunks AS (DELETE FROM ${tables.fileChunk} USING incomplete WHERE file_chunk.file_id = incomplete.id)
     DELETE FROM ${tables.file} USING incomplete WHERE file.id = incomplete.id`,
    [id],
  );
}

/** A complete file, or null. */
export async function findFile(db: Database, id: string): Promise<StoredFile | null> {
  const file = await db.prisma.file.findFirst({ where: { id, completedAt: { not: null } } });
  return file && { id: file.id, name: file.name, contentType: file.contentType, size: Number(file.size) };
}

/** The bytes from an offset to the end of its chunk, read by primary key; null at the end of the file. */
export async function readChunk(db: Database, id: string, fromByte: number): Promise<Buffer | null> {
  const { rows } = await db.pool.query<{ data: Buffer }>({
    name: 'read-chunk',
    text: `SELECT data FROM ${tables.fileChunk} WHERE file_id = $1 AND number = $2`,
    values: [id, Math.floor(fromByte / chunkBytes)],
  });
  const rest = rows[0]?.data.subarray(fromByte % chunkBytes);
  return rest && rest.length > 0 ? rest : null;
}
