/** Something that is done again and again, one turn at a time, until it is stopped. */
export interface LoopOptions {
  readonly intervalMs: number;
  run(): Promise<void>;
  onError(error: unknown): void;
}

export class Loop {
  private readonly options: LoopOptions;
  private timer: NodeJS.Timeout | undefined;
  private turn: Promise<void> | undefined;

  constructor(options: LoopOptions) {
    this.options = options;
  }

  start(): void {
    this.timer ??= setInterval(() => {
      this.turn ??= this.options
        .run()
        .catch(this.options.onError)
        .finally(() => {
          this.turn = undefined;
        });
    }, this.options.intervalMs);
  }

  /** Resolves when the turn under way has ended. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.turn;
  }
}
