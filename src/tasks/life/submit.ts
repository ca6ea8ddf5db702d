/** Submits tasks: creates each row and its queue entry together, once for each type and key. */
import type { Connection } from '../../database/database.ts';
import type { TaskUpload } from '../files/files.ts';
import { jsonCopy } from '../model/json.ts';
import type { TaskRow } from '../model/row.ts';
import { cleanseAndCut, cleanseText } from '../model/text.ts';
import type { Store } from '../store.ts';
import { findOwners } from './same-request.ts';
import {
  type CleanRequest,
  createTasks,
  type Replaced,
  type Written,
  writeSubmits,
} from './write-submits.ts';

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

export interface Submitted {
  readonly outcome: 'created' | 'existing';
  readonly task: TaskRow;
  /** The finished task that gave up its key to this one, and its new version. */
  readonly replaced?: Replaced | undefined;
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
  return submitAlone(store, cleanRequest(asked));
}

/** The request as it goes to the database. @throws {NotJson} for an input that JSON cannot express */
export function cleanRequest(asked: SubmitRequest): CleanRequest {
  return {
    ...asked,
    input: JSON.stringify(jsonCopy(asked.input ?? null, 'input')),
    title: cleanseAndCut(asked.title, maxTitleLength),
    key: asked.key === undefined ? undefined : cleanseText(asked.key),
    group: asked.group === undefined ? undefined : cleanseText(asked.group),
  };
}

/** Whether a submit takes more than one statement, and so cannot share it with others. */
export function needsTransaction({ key, onConflict, upload }: CleanRequest): boolean {
  return upload !== undefined || (key !== undefined && onConflict === 'replaceFinished');
}

/** `submitTask` for a request that is clean. */
export async function submitAlone(store: Store, request: CleanRequest): Promise<Submitted> {
  if (needsTransaction(request)) {
    const write = (connection: Connection) => writeSubmits(connection, [request]);
    const [written] = await store.queue.inTransaction(write, [request.type]);
    return answerOf(written as Written);
  }
  for (;;) {
    const [task] = await createTogether(store, [request]);
    if (task) return { outcome: 'created', task };
    const [owner] = await findOwners(store.db.pool, [request]);
    // Otherwise the task that had the key was pruned or replaced in the meantime, so the key is free again.
    if (owner) return answerOf({ isCreated: false, ...owner });
  }
}

/** `createTasks` on the pool. */
export function createTogether(
  store: Store,
  requests: readonly CleanRequest[],
  lockLimitMs?: number,
): Promise<(TaskRow | undefined)[]> {
  const types = requests.map(({ type }) => type);
  return store.queue.withQueues(types, () => createTasks(store.db.pool, requests, lockLimitMs));
}

/** @throws {KeyConflictError} when the task that has the key has another input */
export function answerOf(written: Written): Submitted {
  const { task } = written;
  if (written.isCreated) return { outcome: 'created', task, replaced: written.replaced };
  if (!written.isSame) throw new KeyConflictError(task.id);
  return { outcome: 'existing', task };
}
