/** The lease of a worker, as its lease thread renews it. */
import { tables } from '../../database/names.ts';

const longestRenewalSeconds = 5;

/**
 * How often a lease is renewed. However long the lease is, it is renewed at least every 5 s: after an outage
 * or a suspended machine, renewals tell the living workers from the dead.
 */
export function renewalSeconds(leaseSeconds: number): number {
  return Math.min(longestRenewalSeconds, leaseSeconds / 3);
}

/**
 * Renews a lease, also one that has lapsed, as long as nobody has given the worker up. The lease thread uses
 * it on a connection of its own. If no row comes back, the worker has been given up. Parameters: worker id,
 * lease in seconds, milliseconds since the main loop last turned.
 */
export const renewLeaseSql = `
  UPDATE ${tables.worker}
  SET lease_expires_at = clock_timestamp() + make_interval(secs => $2),
      heard_at = greatest(heard_at, clock_timestamp() - make_interval(secs => $3::float8 / 1000))
  WHERE id = $1 AND lost_at IS NULL
  RETURNING id`;
