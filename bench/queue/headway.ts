/** A service with its runners, which wait for tasks between the rounds. */
import { setTimeout as sleep } from 'node:timers/promises';
import { inTransaction } from '../../src/database/database.ts';
import { writeSubmits } from '../../src/tasks/life/write-submits.ts';
import { type Bench, withServiceOn } from '../support.ts';

const type = 'bench-noop';
const request = { type, title: type, input: 'null', maxAttempts: 1, oldDigest: () => '' };

export class HeadwayQueue {
  private readonly bench: Bench;

  private constructor(bench: Bench) {
    this.bench = bench;
  }

  static using<T>(
    databaseUrl: string,
    { runners, slots }: { runners: number; slots: number },
    work: (queue: HeadwayQueue) => Promise<T>,
  ): Promise<void> {
    return withServiceOn(
      databaseUrl,
      runners,
      async (bench) => {
        await until(
          async () => (await bench.db.prisma.worker.count({ where: { lostAt: null } })) === runners,
        );
        await work(new HeadwayQueue(bench));
      },
      slots,
    );
  }

  /** Tasks per second, from the first claim to the last end, by the database's clock. Finished tasks are kept. */
  async drain(count: number): Promise<number> {
    const { db } = this.bench;
    const requests = Array.from({ length: count }, () => ({ ...request }));
    const tasks = await inTransaction(db.pool, (connection) => writeSubmits(connection, requests));
    const ids = tasks.map(({ task }) => task.id);
    const summary = async () => {
      const { rows } = await db.pool.query<{ done: number; rate: number }>(
        `SELECT count(finished_at)::int AS done,
                count(*) / extract(epoch FROM max(finished_at) - min(started_at))::float8 AS rate
         FROM public.task_state WHERE id = ANY ($1::uuid[]) AND status = 'succeeded'`,
        [ids],
      );
      return rows[0] ?? { done: 0, rate: Number.NaN };
    };
    // Asking for all of its tasks would be work for the database: the queue is empty when the last ones run.
    await until(async () => {
      const { rows } = await db.pool.query(
        `SELECT FROM public.task_state WHERE status IN ('queued', 'running') LIMIT 1`,
      );
      return rows.length === 0;
    });
    const { done, rate } = await summary();
    if (done !== count) throw new Error(`${done} of ${count} tasks have succeeded`);
    return rate;
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(100);
}
