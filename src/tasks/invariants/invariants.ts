/** What must hold of the database after anything: the statements in `invariants.sql`. */
import { readFile } from 'node:fs/promises';

export interface Invariants {
  /** Lists violations among what is not finished; cheap, however much has finished. */
  readonly unfinished: string;
  /** Lists the rest; reads finished tasks and their history once. */
  readonly finished: string;
}

/** The two statements. Each answers rows of `violation` (words) and `subject` (an id). */
export async function readInvariants(): Promise<Invariants> {
  const text = await readFile(new URL('invariants.sql', import.meta.url), 'utf8');
  const [, unfinished, finished, ...others] = text.split(/^-- Part \d: .+$/m);
  if (!unfinished || !finished || others.length > 0) throw new Error('invariants.sql has two parts');
  return { unfinished: withoutEnd(unfinished), finished: withoutEnd(finished) };
}

/** So that it can be read from, as a table. */
function withoutEnd(statement: string): string {
  return statement.trim().replace(/;$/, '');
}
