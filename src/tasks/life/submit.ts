/** Submits tasks: creates the row and its queue entry in one transaction, once for each type and key. */

import { tables } from '../../database/names.ts';
import type { TaskState } from '../../generated/prisma/client.ts';
import { completeFile, type TaskUpload } from '../files/files.ts';

import { newId } from '../model/ids.ts';
import { jsonCopy } from '../model/json.ts';
import { isFinishedSql } from '../model/state-machine.ts';
import { cleanseAndCut, cleanseText } from '../model/text.ts';
import type { Store } from '../store.ts';
import { isSameRequest } from './same-request.ts';

export interface SubmitRequest {
  readonly type: string;
  /**
   * The input as it was sent, with the fields that its upload gave. The API has parsed it by the job's
   * schema, and each attempt will parse it again.
   */
  readonly input: unknown;
  /**
   * The digest by `digestInput`. It is computed only if the task with this key was made by a version before
   * 0.2.
   */
  readonly oldDigest: () => string;
  readonly title: string;
  readonly maxAttempts: number;
  readonly key?: string | undefined;
  readonly group?: string | undefined;
  /**
   * What to do if a finished task has the same key: return that task (default), or take the key from it and
   * create a new task.
   */
  readonly onConflict?: 'existing' | 'replaceFinished' | undefined;
  /** The upload that becomes the task's file, in the same transaction. */
  readonly upload?: TaskUpload | undefined;
}

/** The request as it goes to the database: its input is JSON text. */
type CleanRequest = Omit<SubmitRequest, 'input'> & { readonly input: string };

export interface Submitted {
  readonly outcome: 'created' | 'existing';
  readonly task: TaskState;
  /** The finished task that gave up its key to this one, and its new version. */
  readonly replaced?: { readonly id: string; readonly version: number } | undefined;
}

/** Thrown when the key belongs to a task with another input. */
export class KeyConflictError extends Error {
  override name = 'KeyConflictError';
  readonly existingId: string;

  constructor(existingId: string) {
    super('This key was used for a task with other input');
    this.existingId = existingId;
  }
}

export const maxTitleLength = 200;

/**
 * Creates the task, or finds the task that has its key, so that repeating a request creates no second task.
 * @throws {KeyConflictError} when the task that has the key has another input
 */
export async function submitTask(store: Store, asked: SubmitRequest): Promise<Submitted> {
  const input = JSON.stringify(jsonCopy(asked.input ?? null, 'input'));
  const request = { ...asked, input, key: clean(asked.key), group: clean(asked.group) };
  for (;;) {
    const created = await create(store, request);
    if (created) return { outcome: 'created', ...created };

    const existing = await store.db.prisma.taskState.findUnique({
      where: { type_key: { type: request.type, key: request.key ?? '' } },
    });
    // The task that had the key was pruned or replaced in the meantime, so the key is free again.
    if (!existing) continue;
    const isSame = await isSameRequest(store, existing, request);
    if (isSame === undefined) continue;
    if (!isSame) throw new KeyConflictError(existing.id);
    return { outcome: 'existing', task: existing };
  }
}

/** Creates the task. If the key is taken, it changes nothing and returns undefined. */
async function create(
  store: Store,
  request: CleanRequest,
): Promise<Pick<Submitted, 'task' | 'replaced'> | undefined> {
  let replaced: Submitted['replaced'];
  const id = newId();
  const entry = { id: newId(), taskId: id, type: request.type, losses: 0 };
  try {
    await store.queue.inTransaction(async (connection) => {
      if (request.key !== undefined && request.onConflict === 'replaceFinished') {
        const { rows } = await connection.query<{ id: string; version: number }>({
          name: 'give-up-key',
          text: `UPDATE ${tables.taskState} SET key = NULL, replaced_by = $3, version = version + 1
                 WHERE type = $1 AND key = $2 AND ${isFinishedSql}
                 RETURNING id, version`,
          values: [request.type, request.key, id],
        });
        replaced = rows[0];
      }
      const { rowCount } = await connection.query({
        name: 'insert-task',
        text: `WITH task AS (
                 INSERT INTO ${tables.taskState} (id, type, key, group_label, title, input, max_attempts, entry_id)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                 ON CONFLICT (type, key) DO NOTHING
                 RETURNING id)
               INSERT INTO ${tables.taskEvent} (task_id, attempt, kind) SELECT id, 0, 'submitted' FROM task`,
        values: [
          id,
          request.type,
          request.key ?? null,
          request.group ?? null,
          cleanseAndCut(request.title, maxTitleLength),
          request.input,
          request.maxAttempts,
          entry.id,
        ],
      });
      if (rowCount === 0) throw new KeyTaken();
      if (request.upload) await completeFile(connection, request.upload, id);
      await store.queue.send([entry], connection);
    });
  } catch (error) {
    if (error instanceof KeyTaken) return undefined;
    throw error;
  }
  return { task: await store.db.prisma.taskState.findUniqueOrThrow({ where: { id } }), replaced };
}

/**
 * Thrown to roll the transaction back: an old task must not give up its key to a task that is not created.
 */
class KeyTaken extends Error {}

function clean(label: string | undefined): string | undefined {
  return label === undefined ? undefined : cleanseText(label);
}
