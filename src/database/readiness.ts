/** Whether the database is ready for work. One check runs at a time, and at most one starts in a second. */
import { limited } from './client.ts';
import type { Database } from './database.ts';
import { pendingMigrations } from './migrations/migrations.ts';

/** A database that does not answer within this time is not ready. */
const limitMs = 2_000;
/** For how long an answer is reused. */
const keepMs = 1_000;

/** A sentence that says why the database is not ready; undefined if it is ready. */
export type Obstacle = string | undefined;

export class Readiness {
  private readonly db: Database;
  private asking: Promise<Obstacle> | undefined;
  private askedMs = Number.NEGATIVE_INFINITY;
  private isPending = false;

  constructor(db: Database) {
    this.db = db;
  }

  /**
   * Resolves to why the database is not ready. Callers share the check under way, and its answer for a
   * second. Rejects with the error of the database.
   */
  ask(): Promise<Obstacle> {
    const ageMs = performance.now() - this.askedMs;
    if (this.isPending && ageMs >= limitMs) return Promise.resolve(tooLate);
    if (this.asking && (this.isPending || ageMs < keepMs)) return this.asking;
    this.askedMs = performance.now();
    this.isPending = true;
    const examined = this.examine().finally(() => {
      this.isPending = false;
    });
    this.asking = withinLimit(examined);
    // Perhaps nobody waits for this answer any more; even then, a rejection must not count as unhandled.
    this.asking.catch(() => undefined);
    return this.asking;
  }

  private async examine(): Promise<Obstacle> {
    const { pool } = this.db;
    // When the limit has passed, a connection that hangs is dropped, so the next check uses another one.
    const query = (text: string) => pool.query(limited(text, limitMs));
    const pending = await pendingMigrations({ query });
    if (pending.length > 0) return `The database lacks migrations (npm run migrate): ${pending.join(', ')}.`;
    const { rows } = await query(`SELECT current_setting('transaction_read_only') AS "isReadOnly"`);
    return rows[0]?.isReadOnly === 'on' ? 'The database is read-only.' : undefined;
  }
}

const tooLate = `The database did not answer within ${limitMs / 1000} s.`;

async function withinLimit(examined: Promise<Obstacle>): Promise<Obstacle> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Obstacle>((resolve) => {
    timer = setTimeout(() => resolve(tooLate), limitMs);
  });
  examined.catch(() => undefined);
  return Promise.race([examined, late]).finally(() => clearTimeout(timer));
}
