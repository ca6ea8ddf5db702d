/** Checks the invariants on a live database, and reports each violation with its explanation. */
import type { Connection } from '../database/database.ts';
import { type InvariantRules, invariantsWith } from '../tasks/invariants.ts';
import { explanations } from './explanations.ts';
import type { Explanation, Finding } from './finding.ts';

/** The invariants of one job's own tables, with an explanation for each violation. */
export interface ExplainedRules extends InvariantRules {
  /** The keys are the names of the violations in the SQL. */
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
 * @param graceSeconds a state counts as a violation only after it has lasted for so long
 * @param rules the invariants of jobs
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
    // When most tasks are unfinished, the planner would scan the whole table, and so read the finished rows,
    // too.
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
    if (!explanation) throw new Error(`The violation "${violation}" has no explanation`);
    return { ...explanation, what: violation, count, examples: subjects };
  });
}
