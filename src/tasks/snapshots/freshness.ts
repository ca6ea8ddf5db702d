/** How old memory is, and whether asking the database would be vain. */

/** Without a refresh for so long, memory is no answer. */
const staleMs = 2_000;
/** Older than this, it is not even an answer that says how old it is. */
const forgottenMs = 60_000;

export class Freshness {
  /** What is empty is as fresh as can be. */
  private refreshedAtMs = performance.now();
  private refreshingSinceMs = Number.POSITIVE_INFINITY;
  /** The last refresh that has ended did so in an error. */
  hasFailed = false;

  /** A refresh has succeeded within the last 2 s. */
  get isFresh(): boolean {
    return performance.now() - this.refreshedAtMs < staleMs;
  }

  /** Memory is no answer, for at most a minute yet, and refreshes fail or hang. */
  get isCutOff(): boolean {
    const nowMs = performance.now();
    const isHanging = nowMs - this.refreshingSinceMs > staleMs;
    return !this.isFresh && nowMs - this.refreshedAtMs <= forgottenMs && (this.hasFailed || isHanging);
  }

  /** Rounded down. */
  get ageSeconds(): number {
    return Math.floor((performance.now() - this.refreshedAtMs) / 1000);
  }

  /** @param startedMs now, by `performance.now()` */
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
