/**
 * Reads which versions a client already has, from its tags (If-None-Match) or from `?after=`, because tags
 * may be lost on the way. Whether a poll waits depends only on the versions in the tags, so a tag that a
 * proxy has altered or that another build has made counts, too. Whether the answer is a 304 depends on the
 * whole tag.
 */
import { z } from 'zod';
import { invalidInput } from '../../http/problems.ts';
import { isAnything, versionsIn } from './etag.ts';

export interface Seen {
  /** Whether the client has named no version that can be read. */
  readonly isNothing: boolean;
  /** Whether the client has this version. */
  has(version: string): boolean;
  /** The newest version that the client has, from any process (for many tasks, the sum); 0 for none. */
  readonly atLeast: number;
}

/** @param after the value of `?after=`, as one of the schemas below has checked it */
export function seenBy(ifNoneMatch: string | undefined, after: string | undefined): Seen {
  const versions = ifNoneMatch === undefined ? [] : versionsIn(ifNoneMatch);
  if (after !== undefined) versions.push(after);
  const hasAll = ifNoneMatch !== undefined && isAnything(ifNoneMatch);
  return {
    isNothing: versions.length === 0 && !hasAll,
    has: (version) => hasAll || versions.includes(version),
    atLeast: Math.max(0, ...versions.map((version) => Number.parseInt(version, 10))),
  };
}

const taskExpected = "must be a task's version: a whole number, 0 for none";
const collectionExpected = 'must be the version of an answer to this URL, or 0 for none';

/** The schema of `?after=` for a task. */
export const afterTask = z
  .string(taskExpected)
  .regex(/^(?:0|[1-9]\d{0,9})$/, taskExpected)
  .optional();

/** The schema of `?after=` for many tasks. */
export const afterCollection = z
  .string(collectionExpected)
  .regex(/^(?:0|(?:0|[1-9]\d{0,14})\.[\w-]{12})$/, collectionExpected)
  .optional();

const taskQuery = z.object({ after: afterTask });
const groupQuery = z.object({ after: afterCollection });

/** @throws {HttpProblem} 400 for a value that is no version */
export function taskAfterIn(query: unknown): string | undefined {
  return afterIn(taskQuery, query);
}

/** @throws {HttpProblem} 400 for a value that is no version */
export function groupAfterIn(query: unknown): string | undefined {
  return afterIn(groupQuery, query);
}

function afterIn(schema: z.ZodType<{ after?: string | undefined }>, query: unknown): string | undefined {
  const asked = schema.safeParse(query);
  if (!asked.success) throw invalidInput(asked.error);
  return asked.data.after;
}
