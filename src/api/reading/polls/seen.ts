/**
 * What a client has of a thing already: by its tags (If-None-Match), or by the version that it names (`?after=`), as
 * tags may be lost on the way. A poll that waits compares versions, so that a tag that was altered, or that another
 * build has made, is as good as any; whether there is nothing to send is decided by the whole tag.
 */
import { z } from 'zod';
import { invalidInput } from '../../http/problems.ts';
import { isAnything, versionsIn } from './etag.ts';

export interface Seen {
  /** The client has named nothing that can be understood. */
  readonly isNothing: boolean;
  /** Whether the client has this version. */
  has(version: string): boolean;
  /** The newest version that it has, or the sum of several tasks', from whichever process; 0 for none. */
  readonly atLeast: number;
}

/** @param after as one of the queries below has it */
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

/** `?after=` of a task. */
export const afterTask = z
  .string(taskExpected)
  .regex(/^(?:0|[1-9]\d{0,9})$/, taskExpected)
  .optional();

/** `?after=` of many tasks. */
export const afterCollection = z
  .string(collectionExpected)
  .regex(/^(?:0|(?:0|[1-9]\d{0,14})\.[\w-]{12})$/, collectionExpected)
  .optional();

const taskQuery = z.object({ after: afterTask });
const groupQuery = z.object({ after: afterCollection });

/** @throws {HttpProblem} 400 for what is no version */
export function taskAfterIn(query: unknown): string | undefined {
  return afterIn(taskQuery, query);
}

/** @throws {HttpProblem} 400 for what is no version */
export function groupAfterIn(query: unknown): string | undefined {
  return afterIn(groupQuery, query);
}

function afterIn(schema: z.ZodType<{ after?: string | undefined }>, query: unknown): string | undefined {
  const asked = schema.safeParse(query);
  if (!asked.success) throw invalidInput(asked.error);
  return asked.data.after;
}
