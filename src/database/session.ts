/** What every connection to PostgreSQL is made with; a file of its own because the lease thread loads little else. */

export const connectTimeoutMs = 5_000;

/** So that a process that was frozen inside a transaction holds nobody up for longer than this. Milliseconds. */
const limits = '-c lock_timeout=5000 -c idle_in_transaction_session_timeout=5000';

/**
 * Whatever server, database and role are set to: Prisma takes every time for UTC, the driver reads dates of ISO 8601
 * alone, and our statements look again at a row that they have waited for.
 */
const conventions = '-c timezone=UTC -c datestyle=ISO -c default_transaction_isolation=read\\ committed';

/**
 * The URL with what every session is started with. Its own options are kept, as node-postgres would take either
 * those or ours.
 * @param further settings, as `-c name=value`
 */
export function sessionUrl(url: string, further = ''): string {
  // Connecting says so.
  if (!URL.canParse(url)) return url;
  const whole = new URL(url);
  const own = whole.searchParams.get('options') ?? '';
  whole.searchParams.set('options', `${own} ${limits} ${conventions} ${further}`.trim());
  return whole.href;
}

/** An idle connection over TCP whose other end is gone breaks within 15 s: probes begin after 5 s, one a second, ten in all. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 5_000 };
