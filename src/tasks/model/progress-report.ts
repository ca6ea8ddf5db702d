/** What an attempt has reported, as it will be written: plain values that PostgreSQL accepts. */
export interface ProgressReport {
  /** 0 to 99.9: 100 is for tasks that succeeded. */
  readonly percentDone: number;
  readonly done: number | null;
  readonly total: number | null;
  readonly unit: string | null;
  readonly ratePerSecond: number | null;
  readonly etaSeconds: number | null;
  /** How long ago `done` or the percentage last rose; null if they have not risen in this attempt. */
  readonly progressedMsAgo: number | null;
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
  etaSeconds: null,
  progressedMsAgo: null,
  message: null,
  log: [],
};

/**
 * SQL for `progressed_at` of the row `task` where a report is written. The time at which the progress was made
 * counts, not the time of the write: during an outage, reports wait.
 * @param report the row of the report, with `done`, `percent_done` and `progressed_ms_ago`
 * @param now the time of the write
 */
export function progressedAtSql(report: string, now: string): string {
  return `
    CASE WHEN ${report}.done > coalesce(task.done, 0) OR ${report}.percent_done > task.percent_done
         THEN ${now} - make_interval(secs => coalesce(${report}.progressed_ms_ago, 0) / 1000)
         ELSE task.progressed_at END`;
}
