/**
 * How long the supervisor waits before it replaces a runner that died. A runner that had lived for 10 s is
 * replaced at once. When runners die soon after their start, the delay doubles each time, up to 30 s, so that
 * a start that always fails does not become a busy loop.
 */
const firstMs = 250;
export const longestDelayMs = 30_000;
/** A runner that lived for this long did not die because of its start. */
const stableMs = 10_000;

export class RestartDelay {
  private delayMs = 0;
  private timer: NodeJS.Timeout | undefined;

  /**
   * Notes that a runner died.
   * @param livedMs how long the runner lived; 0 if it was never ready, Infinity if it was killed from outside
   * @param onOver called when the delay is over; never called without a delay
   * @returns the delay before the next runner may start, in milliseconds
   */
  died(livedMs: number, onOver: () => void): number {
    this.delayMs = livedMs >= stableMs ? 0 : Math.min(longestDelayMs, this.delayMs * 2 + firstMs);
    clearTimeout(this.timer);
    this.timer = this.delayMs === 0 ? undefined : this.startTimer(onOver);
    return this.delayMs;
  }

  /**
   * Ends the delay: the runner died of its work, not of its start.
   * @param onOver called at once: the next runner may start
   */
  forget(onOver: () => void): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.delayMs = 0;
    onOver();
  }

  get isOver(): boolean {
    return this.timer === undefined;
  }

  private startTimer(onOver: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timer = undefined;
      onOver();
    }, this.delayMs);
    // A parent that stops must not wait for this timer.
    return timer.unref();
  }
}
