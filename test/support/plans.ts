/** Records the plans of the statements that a store runs, by PostgreSQL's module auto_explain. */
import type { PoolClient } from 'pg';
import type { Store } from '../../src/tasks/store.ts';
import { administer } from './server.ts';

/** A node of EXPLAIN (ANALYZE, FORMAT JSON). */
interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly Node[];
}

export interface Plan {
  readonly 'Query Text': string;
  readonly Plan: Node;
}

export interface Scan {
  /** The kind of scan, such as `Seq Scan`. */
  readonly kind: string;
  /** How many rows the scan read, including those that a filter removed. */
  readonly rows: number;
}

/** From now on, each new connection to the database reports the plans of its statements. */
export async function recordPlans(databaseUrl: string): Promise<void> {
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_format': 'json',
    'auto_explain.log_level': 'notice',
  };
  const { pathname } = new URL(databaseUrl);
  await administer(databaseUrl, async (client) => {
    for (const [name, value] of Object.entries(settings)) {
      await client.query(`ALTER DATABASE ${pathname.slice(1)} SET ${name} = '${value}'`);
    }
  });
}

/** The plans of the statements that `work` runs on the store's pool. */
export async function plansOf(store: Store, work: () => Promise<void>): Promise<Plan[]> {
  const { pool } = store.db;
  const plans: Plan[] = [];
  const listened = new Set<PoolClient>();
  const listen = ({ message }: { message?: string | undefined }) => {
    const start = message?.indexOf('{') ?? -1;
    if (message?.startsWith('duration:') && start >= 0) plans.push(JSON.parse(message.slice(start)));
  };
  const onAcquire = (client: PoolClient) => {
    if (!listened.has(client)) client.on('notice', listen);
    listened.add(client);
  };
  pool.on('acquire', onAcquire);
  try {
    await work();
  } finally {
    pool.off('acquire', onAcquire);
    for (const client of listened) client.off('notice', listen);
  }
  return plans;
}

/** The scans with which a plan reads a table. */
export function scansOf({ Plan }: Plan, table: string): Scan[] {
  return nodesOf(Plan)
    .filter((node) => node['Relation Name'] === table && node['Node Type'].endsWith('Scan'))
    .map((node) => ({ kind: node['Node Type'], rows: rowsRead(node) }));
}

function nodesOf(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

function rowsRead(node: Node): number {
  const perLoop =
    node['Actual Rows'] +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0);
  return Math.round(perLoop * node['Actual Loops']);
}
