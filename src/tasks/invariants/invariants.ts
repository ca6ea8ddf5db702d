/** What must hold of the database after anything: the statements in `invariants.sql`. */
import { readFile } from 'node:fs/promises';

export interface Invariants {
  /** Lists violations among what is not finished; cheap, however much has finished. */
  readonly unfinished: string;
  /** Lists the rest; reads finished tasks and their history once. */
  readonly finished: string;
}

/** What must hold of the tables of one job. */
export interface InvariantRules {
  /** A SELECT that lists violations as the statements here do, among finished imports and the like. */
  readonly finished: string;
}

/**
 * The two statements. Each answers rows of `violation` (words) and `subject` (an id).
 * @param rules those of jobs, which join the second statement
 */
export async function readInvariants(rules: readonly InvariantRules[] = []): Promise<Invariants> {
  const text = await readFile(new URL('invariants.sql', import.meta.url), 'utf8');
  const [, unfinished, finished, ...others] = text.split(/^-- Part \d: .+$/m);
  if (!unfinished || !finished || others.length > 0) throw new Error('invariants.sql has two parts');
  const ofJobs = rules.map((rule) => `UNION ALL SELECT violation, subject FROM (${rule.finished}) AS listed`);
  return {
    unfinished: withoutEnd(unfinished),
    finished: [withoutEnd(finished), ...ofJobs].join('\n'),
  };
}

/** So that it can be read from, as a table. */
function withoutEnd(statement: string): string {
  return statement.trim().replace(/;$/, '');
}
