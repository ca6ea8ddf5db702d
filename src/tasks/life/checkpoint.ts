/**
 * Writes checkpoints. They are fenced, and numbered, so that a checkpoint whose answer was lost can be
 * recognised as written.
 */

import { tables } from '../../database/names.ts';
import type { TaskStatus } from '../model/state-machine.ts';
import type { Store } from '../store.ts';
import type { AttemptRef, RunSql } from './end.ts';
import { fence } from './fence.ts';

const checkpointSql = `
  UPDATE ${tables.taskState} AS task
  SET checkpoint = $3::jsonb, checkpoint_no = checkpoint_no + 1, checkpoint_attempt = attempt
  WHERE ${fence('task', '$1::uuid', '$2::int')} AND checkpoint_no = $4::int
  RETURNING id AS "taskId", attempt`;

/**
 * Writes a checkpoint if the attempt still owns the task and `knownNo` is the number of its last checkpoint.
 * @param checkpoint JSON text
 * @returns whether it was written
 */
export async function writeCheckpoint(
  { taskId, attempt }: AttemptRef,
  checkpoint: string,
  knownNo: number,
  run: RunSql,
): Promise<boolean> {
  const written = await run(checkpointSql, [taskId, attempt, checkpoint, knownNo]);
  return written.length === 1;
}

export interface AttemptState {
  /** Whether the attempt is still the one that runs. */
  readonly isOwned: boolean;
  /** Whether the task has succeeded under this attempt: an end whose answer was lost has committed. */
  readonly hasEnded: boolean;
  readonly checkpointNo: number;
}

interface AttemptRow {
  readonly attempt: number;
  readonly status: TaskStatus;
  readonly checkpointNo: number;
}

/**
 * What the row says about an attempt after an answer was lost. It does not use Prisma's pool, whose
 * connections jobs may all have taken.
 */
export async function readAttemptState(store: Store, { taskId, attempt }: AttemptRef): Promise<AttemptState> {
  const { rows } = await store.db.pool.query<AttemptRow>({
    name: 'attempt-state',
    text: `SELECT attempt, status, checkpoint_no AS "checkpointNo" FROM ${tables.taskState} WHERE id = $1`,
    values: [taskId],
  });
  const row = rows[0];
  const isSame = row?.attempt === attempt;
  return {
    isOwned: isSame && row.status === 'running',
    hasEnded: isSame && row.status === 'succeeded',
    checkpointNo: row?.checkpointNo ?? -1,
  };
}
