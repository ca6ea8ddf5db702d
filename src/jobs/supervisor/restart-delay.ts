/**
 * How long the place of a runner that died stays empty: the next is started at once where it had lived for a while,
 * and ever later where they do not stay alive, so that a start that fails does not run in a loop.
 */
const firstMs = 250;
export const longestDelayMs = 30_000;
/** One that lived for so long did not die of its start. */
const stableMs = 10_000;

export class RestartDelay {
  private delayMs = 0;
  private timer: NodeJS.Timeout | undefined;

  /**
   * One has died.
   * @param livedMs since it was started; 0 where it was never ready, infinite where nothing of its own has ended it
   * @param onOver called when the next may be started, if that is not now
   * @returns how long that takes, in milliseconds
   */
  died(livedMs: number, onOver: () => void): number {
    this.delayMs = livedMs >= stableMs ? 0 : Math.min(longestDelayMs, this.delayMs * 2 + firstMs);
    clearTimeout(this.timer);
    this.timer = this.delayMs === 0 ? undefined : this.startTimer(onOver);
    return this.delayMs;
  }

  /**
   * It was no fault of its start after all.
   * @param onOver called at once: the next may be started
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
    // A parent that stops does not wait for it.
    return timer.unref();
  }
}
