/** How old the snapshots in memory are, and whether asking the database would be in vain. */

/** After this time without a successful refresh, memory must not answer. */
const staleMs = 2_000;
/** In an outage, memory may answer up to this age, if the answer says how old it is. */
const forgottenMs = 60_000;

export class Freshness {
  /** Memory is empty at first, and so it is fresh. */
  private refreshedAtMs = performance.now();
  private refreshingSinceMs = Number.POSITIVE_INFINITY;
  /** Whether the last refresh that has ended failed. */
  hasFailed = false;

  /** Whether a refresh that began within the last 2 s has succeeded. */
  get isFresh(): boolean {
    return performance.now() - this.refreshedAtMs < staleMs;
  }

  /** Whether refreshes fail or hang, and memory is over 2 s but at most a minute old. */
  get isCutOff(): boolean {
    const nowMs = performance.now();
    const isHanging = nowMs - this.refreshingSinceMs > staleMs;
    return !this.isFresh && nowMs - this.refreshedAtMs <= forgottenMs && (this.hasFailed || isHanging);
  }

  /** The age of memory, rounded down. */
  get ageSeconds(): number {
    return Math.floor((performance.now() - this.refreshedAtMs) / 1000);
  }

  /**
   * Runs a refresh, and notes how it went.
   * @param startedMs now, by `performance.now()`
   */
  async during(startedMs: number, refresh: () => Promise<void>): Promise<void> {
    this.refreshingSinceMs = startedMs;
    try {
      await refresh();
      this.hasFailed = false;
      this.refreshedAtMs = startedMs;
    } catch (error) {
      this.hasFailed = true;
      throw error;
    } finally {
      this.refreshingSinceMs = Number.POSITIVE_INFINITY;
    }
  }
}
