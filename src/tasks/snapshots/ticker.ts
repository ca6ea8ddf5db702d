/**
 * Decides when the refresh set is read: once a tick, and at once when there is news. Only one read is under
 * way at a time, and on average reads are at least 0.875 of a tick apart, however much news there is: 5.7
 * reads a second with a tick of 200 ms.
 */

/** How many reads may come early before the average delays the next. */
const burst = 1;

export interface TickerOptions {
  readonly tickMs: number;
  /** @param startedMs now, by `performance.now()` */
  run(startedMs: number): Promise<void>;
  onError(error: unknown): void;
}

export class Ticker {
  private readonly options: TickerOptions;
  /** The shortest average time between two reads. */
  private readonly spacingMs: number;
  /**
   * When the next read would be due if all reads came evenly: the virtual schedule of the GCRA, which limits
   * ATM cells (ITU-T I.371).
   */
  private evenlyAtMs = 0;
  private turn: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private dueMs = 0;
  private isStopped = true;
  /** Whether news came after the read under way began, which may have missed it. */
  private hasNews = false;

  constructor(options: TickerOptions) {
    this.options = options;
    this.spacingMs = 0.875 * options.tickMs;
  }

  start(): void {
    this.isStopped = false;
    this.schedule(performance.now() + this.options.tickMs);
  }

  /** Resolves when the read under way has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.turn;
  }

  /** Called when there is news: reads now, or as soon as the average allows. */
  wake(): void {
    if (this.turn !== undefined) this.hasNews = true;
    else this.schedule(performance.now());
  }

  /** Plans the next read, unless an earlier one is planned. */
  private schedule(atMs: number): void {
    if (this.isStopped) return;
    const dueMs = Math.max(atMs, this.evenlyAtMs - burst * this.spacingMs);
    if (this.timer && this.dueMs <= dueMs) return;
    clearTimeout(this.timer);
    this.dueMs = dueMs;
    this.timer = setTimeout(() => this.begin(), Math.max(0, dueMs - performance.now()));
  }

  private begin(): void {
    this.timer = undefined;
    const startedMs = performance.now();
    this.evenlyAtMs = Math.max(this.evenlyAtMs, startedMs) + this.spacingMs;
    this.hasNews = false;
    this.turn = this.options
      .run(startedMs)
      .catch(this.options.onError)
      .finally(() => {
        this.turn = undefined;
        this.schedule(this.hasNews ? performance.now() : startedMs + this.options.tickMs);
      });
  }
}
