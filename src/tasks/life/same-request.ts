/** Finds the tasks that already have the keys of submits, and whether they were created by the same requests. */
import type { Connection } from '../../database/database.ts';
import { tables } from '../../database/names.ts';
import type { TaskUpload } from '../files/files.ts';
import { type TaskRow, taskColumns } from '../model/row.ts';

export interface SentRequest {
  readonly type: string;
  readonly key?: string | undefined;
  /** The input as JSON text. */
  readonly input: string;
  /**
   * The digest that a version before 0.2 would have stored. It may throw, if no digest can be made of the
   * input.
   */
  readonly oldDigest: () => string;
  readonly upload?: TaskUpload | undefined;
}

export interface KeyOwner {
  readonly task: TaskRow;
  readonly isSame: boolean;
}

// Inputs are compared as jsonb, so the order of keys, the spelling of numbers, and blanks do not matter. A
// file gets another id each time it is sent. So if the task's file has the same bytes, its id replaces the
// new one before the inputs are compared. Each task is found by the unique index on (type, key), whatever the
// planner thinks of the arrays (LATERAL).
const ownersSql = `
  SELECT asked.place::int, task.input_digest AS "inputDigest",
         CASE WHEN asked.field IS NULL THEN task.input = asked.input
         ELSE EXISTS (SELECT FROM ${tables.file} AS file
                      WHERE file.task_id = task.id AND file.sha256 = asked.sha256 AND file.size = asked.size
                        AND task.input = jsonb_set(asked.input, ARRAY[asked.field], to_jsonb(file.id)))
         END AS "isSame", ${taskColumns}
  FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::text[], $6::bigint[])
    WITH ORDINALITY AS asked (type, key, input, field, sha256, size, place)
  CROSS JOIN LATERAL (
    SELECT * FROM ${tables.taskState} AS task WHERE task.type = asked.type AND task.key = asked.key
  ) AS task`;

interface OwnerRow extends TaskRow {
  readonly place: number;
  readonly inputDigest: string | null;
  readonly isSame: boolean;
}

/** The tasks that have the keys of these requests, in their order. Undefined where no task has the key any more. */
export async function findOwners(
  connection: Connection,
  requests: readonly SentRequest[],
): Promise<(KeyOwner | undefined)[]> {
  const { rows } = await connection.query<OwnerRow>({
    name: 'key-owners',
    text: ownersSql,
    values: [
      requests.map(({ type }) => type),
      requests.map(({ key }) => key ?? null),
      requests.map(({ input }) => input),
      requests.map(({ upload }) => upload?.field ?? null),
      requests.map(({ upload }) => upload?.sha256 ?? null),
      requests.map(({ upload }) => upload?.size ?? null),
    ],
  });
  const owners: (KeyOwner | undefined)[] = requests.map(() => undefined);
  for (const { place, inputDigest, isSame, ...task } of rows) {
    const request = requests[place - 1];
    if (!request) continue;
    // A task with a digest stores its input as the job's schema returned it, so only the digests can be
    // compared.
    const isSameDigest = () => inputDigest === attempt(request.oldDigest);
    owners[place - 1] = { task, isSame: inputDigest === null ? isSame : isSameDigest() };
  }
  return owners;
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
