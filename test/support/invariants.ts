/** What must hold of the database after anything: see `src/tasks/invariants.sql`. */
import { readFile } from 'node:fs/promises';
import type { Store } from '../../src/tasks/store.ts';

const file = new URL('../../src/tasks/invariants.sql', import.meta.url);

export interface Violation {
  readonly violation: string;
  readonly task_id: string | null;
}

/** Empty where all is well. */
export async function violations(store: Store): Promise<Violation[]> {
  const { rows } = await store.db.pool.query<Violation>(await readFile(file, 'utf8'));
  return rows;
}
