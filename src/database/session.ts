/** What every connection to PostgreSQL is made with; a file of its own because the lease thread loads little else. */

export const connectTimeoutMs = 5_000;

/**
 * So that a process that was frozen inside a transaction holds nobody up for longer than this.
 * Milliseconds, set for each session as it starts.
 */
export const sessionLimits = '-c lock_timeout=5000 -c idle_in_transaction_session_timeout=5000';

/** An idle connection over TCP whose other end is gone breaks within 15 s: probes begin after 5 s, one a second, ten in all. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 5_000 };
