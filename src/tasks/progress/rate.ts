/**
 * A smoothed rate: an exponentially weighted mean over time, so that samples at uneven intervals weigh as
 * much as the time they cover. Unknown (null) until a second of progress has been seen.
 */

const timeConstantMs = 10_000;
const minimumMs = 1_000;

export class RateEstimator {
  private firstAt: number | undefined;
  private lastAt = 0;
  private lastDone = 0;
  /** Weighted sums of units and of time, both fading with the same time constant. */
  private units = 0;
  private ms = 0;

  /** The units per second after this sample, or null while unknown. Times are monotonic milliseconds. */
  sample(done: number, atMs: number): number | null {
    if (this.firstAt === undefined) {
      // A resumed attempt starts far above zero: what earlier attempts did must not count as its speed.
      this.firstAt = atMs;
      this.lastAt = atMs;
      this.lastDone = done;
      return null;
    }
    const elapsed = atMs - this.lastAt;
    if (elapsed > 0) {
      const fading = Math.exp(-elapsed / timeConstantMs);
      this.units = this.units * fading + (done - this.lastDone);
      this.ms = this.ms * fading + elapsed;
      this.lastAt = atMs;
      this.lastDone = done;
    }
    const isKnown = atMs - this.firstAt >= minimumMs && this.units > 0;
    return isKnown ? (this.units / this.ms) * 1000 : null;
  }
}
