/**
 * Compares pages of lists over HTTP at a million tasks with those at a thousand, in turn within one run: the
 * first page and the 500th of each filter. A thousand tasks have no 500th page, so their last full page is
 * used instead.
 */
import { type Database, openDatabase } from '../src/database/database.ts';
import { median, quantile } from './quantile.ts';
import { print, withService, withServiceOn } from './support.ts';

const sizes = { small: 1_000, large: 1_000_000 };
/** Tasks per page. Of a thousand tasks, only this many are queued, and this many running. */
const limit = 5;
const deepPage = 500;
const rounds = 5;
const requests = 400;
const warmUps = 20;

const filters = [
  '',
  'status=succeeded',
  'status=failed',
  'status=queued',
  'status=running',
  'status=cancelled',
  'type=type-2',
  'group=everyday',
  'type=type-2&status=succeeded',
  'type=type-2&status=failed',
  'group=everyday&status=failed',
  'group=everyday&type=type-2',
];

export function run(): Promise<void> {
  return withService(0, async (large) => {
    const smallUrl = new URL(large.databaseUrl);
    smallUrl.pathname = '/small';
    await large.db.pool.query('CREATE DATABASE small');
    await withServiceOn(smallUrl.href, 0, async (small) => {
      await fill(small.databaseUrl, sizes.small);
      await fill(large.databaseUrl, sizes.large);
      print(
        `a page of ${limit} tasks, ${sizes.large.toLocaleString('en')} beside ${sizes.small.toLocaleString('en')} tasks, ` +
          `${rounds} rounds of ${requests} requests each in turn, medians of the rounds (ms)`,
      );
      print(`  ${row(['filter', 'page', 'p50', 'p99', 'p50', 'p99', 'ratio p50', 'ratio p99'])}`);
      for (const filter of filters) {
        await compare(filter, small.url, large.url);
      }
    });
  });
}

interface Page {
  readonly url: string;
  readonly number: number;
  readonly tasks: number;
}

async function compare(filter: string, smallUrl: string, largeUrl: string): Promise<void> {
  const [small, large] = await Promise.all([pagesOf(smallUrl, filter), pagesOf(largeUrl, filter)]);
  for (const which of ['first', 'deep'] as const) {
    const pair = [small[which], large[which]] as const;
    await measure(pair, warmUps);
    const measured: [number[], number[]][] = [];
    for (let round = 0; round < rounds; round += 1) measured.push(await measure(pair, requests));
    const over = (of: (times: [number[], number[]]) => number) => median(measured.map(of));
    const cells = [0, 1].flatMap((which) =>
      [0.5, 0.99].map((q) => over((ms) => quantile(ms[which] ?? [], q))),
    );
    const ratios = [0.5, 0.99].map((q) => over(([small, large]) => quantile(large, q) / quantile(small, q)));
    const pages = pair
      .map(({ number, tasks }) => `${number}${tasks < limit ? ` (${tasks})` : ''}`)
      .join(' / ');
    print(`  ${row([filter || 'all', pages, ...[...cells, ...ratios].map((value) => value.toFixed(2))])}`);
    if (which === 'first' && large.deep.number === 1) return;
  }
}

/** Follows the links to the first page, and to the 500th or the last full page before it. */
async function pagesOf(service: string, filter: string): Promise<{ first: Page; deep: Page }> {
  const path = `/tasks?limit=${limit}${filter && `&${filter}`}`;
  const pages: Page[] = [];
  for (let next: string | undefined = path; next !== undefined && pages.length < deepPage; ) {
    const { tasks, links } = (await (await fetch(service + next)).json()) as {
      tasks: unknown[];
      links: { next?: string };
    };
    pages.push({ url: service + next, number: pages.length + 1, tasks: tasks.length });
    next = links.next;
  }
  const [first] = pages;
  if (!first) throw new Error('there is no first page');
  return { first, deep: pages.findLast(({ tasks }) => tasks === limit) ?? first };
}

/** Milliseconds of each request, page by page. */
async function measure(pages: readonly [Page, Page], times: number): Promise<[number[], number[]]> {
  const took: [number[], number[]] = [[], []];
  for (let count = 0; count < times; count += 1) {
    for (const [index, { url }] of pages.entries()) {
      const startedAt = performance.now();
      const response = await fetch(url);
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`${url}: ${response.status}`);
      took[index]?.push(performance.now() - startedAt);
    }
  }
  return took;
}

function row(cells: readonly string[]): string {
  const [filter = '', pages = '', ...figures] = cells;
  return `${filter.padEnd(30)}${pages.padEnd(18)}${figures.map((figure) => figure.padStart(10)).join('')}`;
}

/**
 * 90 % of the tasks succeeded, 9 % failed, and the newest 1 % are unfinished; there are five types, and a
 * tenth of the tasks belong to one group. The unfinished tasks are healthy, so that the reaper leaves them
 * alone.
 */
async function fill(databaseUrl: string, count: number): Promise<void> {
  // Inserting a million tasks takes longer than a statement of the service may take.
  const db = openDatabase(databaseUrl, { name: 'headway bench', statementTimeoutMs: 600_000 });
  try {
    await insert(db, count);
    await db.pool.query('VACUUM (ANALYZE)');
  } finally {
    await db.close();
  }
}

async function insert({ pool }: Database, count: number): Promise<void> {
  await pool.query(
    `WITH worker AS (
       INSERT INTO worker (id, host, pid, slots, lease_expires_at)
       VALUES (gen_random_uuid(), 'bench', 1, 10, now() + interval '1 day')
       RETURNING id
     ), task AS (
       INSERT INTO task_state (id, type, group_label, title, status, input, input_digest, percent_done, max_attempts,
                               attempt, entry_id, worker_id, created_at, finished_at, expires_at, result, error)
       SELECT gen_random_uuid(), 'type-' || abs(hashint4(number)) % 5,
              CASE WHEN abs(hashint4(-number)) % 10 = 0 THEN 'everyday' ELSE 'group ' || number % 10000 END,
              'Number ' || number, status, '{}', '', CASE WHEN status = 'succeeded' THEN 100 ELSE 0 END, 3, 1,
              CASE WHEN status = 'queued' THEN gen_random_uuid() END, CASE WHEN status = 'running' THEN worker.id END,
              now() - make_interval(secs => ($1::int - number) * 0.1),
              CASE WHEN status IN ('succeeded', 'failed') THEN now() END, now() + interval '30 days',
              CASE WHEN status = 'succeeded' THEN '{"imported": 1234, "rejected": 0}'::jsonb END,
              CASE WHEN status = 'failed' THEN '{"code": "x", "message": "It did not work"}'::jsonb END
       FROM generate_series(1, $1::int) AS number
       CROSS JOIN worker
       CROSS JOIN LATERAL (
         SELECT (CASE WHEN number > $1::int * 0.99 THEN (ARRAY['queued', 'running'])[1 + number % 2]
                      WHEN abs(hashint4(number + $1::int)) % 11 = 0 THEN 'failed'
                      ELSE 'succeeded' END)::task_status AS status) AS drawn
       RETURNING id, type, status, entry_id
     )
     INSERT INTO pgboss.job (id, name, data, policy, created_on)
     SELECT entry_id, 'bench-noop', jsonb_build_object('taskId', id), 'standard', now() FROM task WHERE status = 'queued'`,
    [count],
  );
}
