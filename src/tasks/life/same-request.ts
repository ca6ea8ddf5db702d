/** Decides whether a submit repeats the request of the task that already has its key. */
import { tables } from '../../database/names.ts';
import type { TaskState } from '../../generated/prisma/client.ts';
import type { TaskUpload } from '../files/files.ts';
import type { Store } from '../store.ts';

export interface SentRequest {
  /** The input as JSON text. */
  readonly input: string;
  /**
   * The digest that a version before 0.2 would have stored. It may throw, if no digest can be made of the
   * input.
   */
  readonly oldDigest: () => string;
  readonly upload?: TaskUpload | undefined;
}

// Inputs are compared as jsonb, so the order of keys, the spelling of numbers, and blanks do not matter. A
// file gets another id each time it is sent. So if the task's file has the same bytes, its id replaces the
// new one before the inputs are compared.
const sameInputSql = `
  SELECT CASE WHEN $3::text IS NULL THEN task.input = $2::jsonb
         ELSE EXISTS (SELECT FROM ${tables.file} AS file
                      WHERE file.task_id = task.id AND file.sha256 = $4 AND file.size = $5
                        AND task.input = jsonb_set($2::jsonb, ARRAY[$3::text], to_jsonb(file.id)))
         END AS "isSame"
  FROM ${tables.taskState} AS task
  WHERE task.id = $1`;

/** Whether a task was created by the same request. Undefined if the task is gone. */
export async function isSameRequest(
  { db }: Store,
  { id, inputDigest }: Pick<TaskState, 'id' | 'inputDigest'>,
  { input, oldDigest, upload }: SentRequest,
): Promise<boolean | undefined> {
  // A task with a digest stores its input as the job's schema returned it, so only the digests can be
  // compared.
  if (inputDigest !== null) return inputDigest === attempt(oldDigest);
  const { rows } = await db.pool.query<{ isSame: boolean }>({
    name: 'same-input',
    text: sameInputSql,
    values: [id, input, upload?.field ?? null, upload?.sha256 ?? null, upload?.size ?? null],
  });
  return rows[0]?.isSame;
}

/**
 * The digest; undefined if none can be made. Before 0.2, such a request was refused, so no task was created
 * by it.
 */
function attempt(digest: () => string): string | undefined {
  try {
    return digest();
  } catch {
    return undefined;
  }
}
