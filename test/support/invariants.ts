/** Checks the invariants, which must hold after any test: see `src/tasks/invariants.ts`. */
import { loadExtensions } from '../../src/extensions.ts';
import { invariantsWith } from '../../src/tasks/invariants.ts';
import type { Store } from '../../src/tasks/store.ts';

export interface Violation {
  readonly violation: string;
  /** The id of a task, an entry, a worker or a file. */
  readonly subject: string;
}

/** The violations; empty if all is well. */
export async function violations(store: Pick<Store, 'db'>): Promise<Violation[]> {
  const extensions = await loadExtensions();
  const rules = extensions.flatMap(({ invariants }) => invariants ?? []);
  const { unfinished, finished } = invariantsWith(rules);
  const found: Violation[] = [];
  for (const statement of [unfinished, finished]) {
    const { rows } = await store.db.pool.query<Violation>(statement);
    found.push(...rows);
  }
  return found;
}
