/** What "the same request" means, for a submit with a key that a task has already. */
import { tables } from '../../database/names.ts';
import type { TaskState } from '../../generated/prisma/client.ts';
import type { TaskUpload } from '../files/files.ts';
import type { Store } from '../store.ts';

export interface SentRequest {
  /** As JSON text. */
  readonly input: string;
  /** What a version before 0.2 would have stored; may throw where it could have stored nothing. */
  readonly oldDigest: () => string;
  readonly upload?: TaskUpload | undefined;
}

// Equal as jsonb: whatever the order of keys, the spelling of numbers, blanks. A file has another id each time that
// it is sent: compared is what was sent with the task's own file in its place, where that has the same bytes.
const sameInputSql = `
  SELECT CASE WHEN $3::text IS NULL THEN task.input = $2::jsonb
         ELSE EXISTS (SELECT FROM ${tables.file} AS file
                      WHERE file.task_id = task.id AND file.sha256 = $4 AND file.size = $5
                        AND task.input = jsonb_set($2::jsonb, ARRAY[$3::text], to_jsonb(file.id)))
         END AS "isSame"
  FROM ${tables.taskState} AS task
  WHERE task.id = $1`;

/** Whether a task was made by the same request. Undefined where the task is gone. */
export async function isSameRequest(
  { db }: Store,
  { id, inputDigest }: Pick<TaskState, 'id' | 'inputDigest'>,
  { input, oldDigest, upload }: SentRequest,
): Promise<boolean | undefined> {
  // Its input is what the job's schema returned: only the digest knows what was sent.
  if (inputDigest !== null) return inputDigest === attempt(oldDigest);
  const { rows } = await db.pool.query<{ isSame: boolean }>({
    name: 'same-input',
    text: sameInputSql,
    values: [id, input, upload?.field ?? null, upload?.sha256 ?? null, upload?.size ?? null],
  });
  return rows[0]?.isSame;
}

/** A request of which no digest can be made was refused then, and is no task's. */
function attempt(digest: () => string): string | undefined {
  try {
    return digest();
  } catch {
    return undefined;
  }
}
