/**
 * When the refresh set is read: once a tick, and at once where there is news; one read at a time, and on
 * average no closer together than 0.875 of a tick, however much news there is: of 200 ms, 5.7 a second.
 */

/** So many reads may come early before the average holds them up. */
const burst = 1;

export interface TickerOptions {
  readonly tickMs: number;
  /** @param startedMs now, by `performance.now()` */
  run(startedMs: number): Promise<void>;
  onError(error: unknown): void;
}

export class Ticker {
  private readonly options: TickerOptions;
  /** Between two reads on average. */
  private readonly spacingMs: number;
  /** When the next read were due if all came evenly: a virtual schedule, as for cells (ITU-T I.371, GCRA). */
  private evenlyAtMs = 0;
  private turn: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private dueMs = 0;
  private isStopped = true;
  /** There was news since the read under way began: it may have been too early for it. */
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

  /** There is news: reads now, or as soon as the average allows. */
  wake(): void {
    if (this.turn !== undefined) this.hasNews = true;
    else this.schedule(performance.now());
  }

  /** Keeps what is due sooner. */
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
