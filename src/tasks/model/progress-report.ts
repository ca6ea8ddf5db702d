/** What an attempt has reported, as it will be written: plain values that PostgreSQL accepts. */
export interface ProgressReport {
  /** 0 to 99.9: 100 is for tasks that succeeded. */
  readonly percentDone: number;
  readonly done: number | null;
  readonly total: number | null;
  readonly unit: string | null;
  readonly ratePerSecond: number | null;
  readonly message: string | null;
  /** Lines since the last report that was written. */
  readonly log: readonly string[];
}

/** The report of an attempt that has reported nothing, or whose reports do not count. */
export const emptyReport: ProgressReport = {
  percentDone: 0,
  done: null,
  total: null,
  unit: null,
  ratePerSecond: null,
  message: null,
  log: [],
};
