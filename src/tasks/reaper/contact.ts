/**
 * When the reaper may reap. An outage must not look like death: a process reaps only after some seconds of
 * unbroken contact with the database, so that living workers have had time to renew their leases.
 */
import { limited } from '../../database/client.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import type { Store } from '../store.ts';
import { renewalSeconds } from '../workers/lease.ts';

/**
 * An answer that takes longer counts as no answer, and a pause of the loop that is longer counts as an
 * outage.
 */
const answerLimitMs = 2_000;
/** After this time an answer is not waited for any longer. */
const giveUpMs = 5_000;
const askSql = `SELECT clock_timestamp() AS now, current_setting('transaction_read_only') AS "isReadOnly"`;
/**
 * How many renewals of a lease must have been possible before reaping: 7 s of contact where leases are
 * renewed every 5 s, less where leases are short.
 */
const renewalsNeeded = 7 / 5;

export class Contact {
  private readonly store: Store;
  private readonly turnMs: number;
  private readonly neededMs: number;
  private sinceMs = monotonicMs();
  private lastAnswerMs = monotonicMs();
  private lastDatabaseMs = Number.POSITIVE_INFINITY;

  /** @param turnMs how often `askTime` is called */
  constructor(options: { store: Store; leaseSeconds: number; turnMs: number }) {
    this.store = options.store;
    this.turnMs = options.turnMs;
    this.neededMs = 1000 * renewalsNeeded * renewalSeconds(options.leaseSeconds);
  }

  get isLongEnough(): boolean {
    return monotonicMs() - this.sinceMs >= this.neededMs;
  }

  /** Contact begins anew: nothing is known of the time before. */
  break(): void {
    this.sinceMs = monotonicMs();
    this.lastAnswerMs = monotonicMs();
  }

  /** Asks for the database's time. Contact begins anew where the question shows that it was broken. */
  async askTime(): Promise<Date> {
    const askedMs = monotonicMs();
    // A gap in this process's own loop: the process may have slept through an outage.
    const wasAsleep = askedMs - this.lastAnswerMs > this.turnMs + answerLimitMs;
    const { rows } = await this.store.db.pool.query<{ now: Date; isReadOnly: string }>(
      limited(askSql, giveUpMs),
    );
    const isLate = monotonicMs() - askedMs > answerLimitMs;
    if (!rows[0]) throw new Error('The database did not tell its time');
    const { now, isReadOnly } = rows[0];
    // Nobody could renew a lease in a read-only database either.
    if (isReadOnly === 'on') throw Object.assign(new Error('PostgreSQL is read-only'), { code: '25006' });
    // The database's clock went on without ours: it was set, or this machine was suspended. Leases count in
    // the database's time.
    const elapsedMs = monotonicMs() - this.lastAnswerMs;
    const hasJumped = now.getTime() - this.lastDatabaseMs > elapsedMs + answerLimitMs;
    if (wasAsleep || isLate || hasJumped) this.break();
    this.lastAnswerMs = monotonicMs();
    this.lastDatabaseMs = now.getTime();
    return now;
  }
}
