/** Whether the database can be worked with: one question at a time, and at most one a second. */
import { limited } from './client.ts';
import type { Database } from './database.ts';
import { pendingMigrations } from './migrations/migrations.ts';

/** Within this it answers, or it is not ready. */
const limitMs = 2_000;
const keepMs = 1_000;

/** What is in the way, in a sentence; undefined for nothing. */
export type Obstacle = string | undefined;

export class Readiness {
  private readonly db: Database;
  private asking: Promise<Obstacle> | undefined;
  private askedMs = Number.NEGATIVE_INFINITY;
  private isPending = false;

  constructor(db: Database) {
    this.db = db;
  }

  /** Shared by all who ask within a second, or while there is no answer. Rejects as the database does. */
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
    // Whoever asked may have left.
    this.asking.catch(() => undefined);
    return this.asking;
  }

  private async examine(): Promise<Obstacle> {
    const { pool } = this.db;
    // The limit drops a connection that hangs: the next question is asked over another.
    const ask = (text: string) => pool.query(limited(text, limitMs));
    const pending = await pendingMigrations({ query: ask });
    if (pending.length > 0)
      return `The database waits for migrations (npm run migrate): ${pending.join(', ')}.`;
    const { rows } = await ask(`SELECT current_setting('transaction_read_only') AS "isReadOnly"`);
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
