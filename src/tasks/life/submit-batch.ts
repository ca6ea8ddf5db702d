/** Submits many tasks in one transaction: all of them, or none. */
import { codeOf } from '../../database/error-text.ts';
import type { Store } from '../store.ts';
import { answerOf, type Submitted } from './submit.ts';
import { type CleanRequest, type Written, writeSubmits } from './write-submits.ts';

/** A request of a batch, whose key belongs to a task with other input. */
export interface BatchConflict {
  /** The place of the request in the batch. */
  readonly index: number;
  /** The task that has the key, or the place of the request in the same batch that takes it. */
  readonly owner: { readonly taskId: string } | { readonly index: number };
}

/** Thrown for a batch of which nothing was written. */
export class BatchConflictError extends Error {
  override name = 'BatchConflictError';
  readonly conflicts: readonly BatchConflict[];

  constructor(conflicts: readonly BatchConflict[]) {
    super('Keys were used for tasks with other input');
    this.conflicts = conflicts;
  }
}

const maxTries = 3;

/**
 * Creates the tasks, or finds the tasks that have their keys. The answers are the same as if the requests
 * were submitted one after the other, in the order of the batch. (Requests with the same type and key must
 * have the same `onConflict`.)
 * @throws {BatchConflictError} when a task that has a key has another input
 */
export async function submitBatch(store: Store, requests: readonly CleanRequest[]): Promise<Submitted[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await writeBatch(store, requests);
    } catch (error) {
      // A batch takes keys from finished tasks before it takes free keys, so two batches may deadlock.
      // PostgreSQL has rolled back this batch, and the other one goes on. So this one is tried again.
      if (codeOf(error) !== '40P01' || tries === maxTries) throw error;
    }
  }
}

function writeBatch(store: Store, requests: readonly CleanRequest[]): Promise<Submitted[]> {
  const types = requests.map(({ type }) => type);
  return store.queue.inTransaction(async (connection) => {
    const written = await writeSubmits(connection, requests);
    const conflicts = conflictsIn(written);
    if (conflicts.length > 0) throw new BatchConflictError(conflicts);
    return written.map(answerOf);
  }, types);
}

function conflictsIn(written: readonly Written[]): BatchConflict[] {
  const places = new Map(
    written.flatMap(({ isCreated, task }, index) => (isCreated ? [[task.id, index] as const] : [])),
  );
  return written.flatMap((each, index) => {
    if (each.isCreated || each.isSame) return [];
    const place = places.get(each.task.id);
    return [{ index, owner: place === undefined ? { taskId: each.task.id } : { index: place } }];
  });
}
