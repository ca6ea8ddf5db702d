/** The invariants, run against a live database, and what it means where one does not hold. */
import type { Connection } from '../database/database.ts';
import { type InvariantRules, invariantsWith } from '../tasks/invariants.ts';
import { explanations } from './explanations.ts';
import type { Explanation, Finding } from './finding.ts';

/** What must hold of the tables of one job, and what it means where it does not. */
export interface ExplainedRules extends InvariantRules {
  /** By the words of the violation. */
  readonly explanations: Readonly<Record<string, Explanation>>;
}

const examples = 5;

interface ViolationRow {
  readonly violation: string;
  readonly count: number;
  readonly subjects: string[];
}

/**
 * @param part `unfinished` reads no finished row; `finished` reads all of them, and their history
 * @param graceSeconds how long something must have been as it is
 * @param rules those of jobs
 */
export async function findViolations(
  connection: Connection,
  part: 'unfinished' | 'finished',
  graceSeconds: number,
  rules: readonly ExplainedRules[],
): Promise<Finding[]> {
  const invariants = invariantsWith(rules);
  const explained = Object.assign({}, explanations, ...rules.map((rule) => rule.explanations));
  await connection.query({
    // Where most tasks are unfinished the planner would read all of them, and what has finished with them.
    text: `SELECT set_config('headway.grace_seconds', $1, FALSE), set_config('enable_seqscan', $2, FALSE)`,
    values: [String(graceSeconds), part === 'unfinished' ? 'off' : 'on'],
  });
  const { rows } = await connection.query<ViolationRow>(
    `SELECT violation, count(*)::int AS count, (array_agg(subject::text))[1:${examples}] AS subjects
     FROM (${invariants[part]}) AS listed
     GROUP BY violation
     ORDER BY count(*) DESC, violation`,
  );
  return rows.map(({ violation, count, subjects }) => {
    const explanation: Explanation | undefined = explained[violation];
    if (!explanation) throw new Error(`Nothing explains the violation "${violation}"`);
    return { ...explanation, what: violation, count, examples: subjects };
  });
}
