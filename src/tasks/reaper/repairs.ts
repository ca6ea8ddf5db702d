/** The kinds of repairs that the reaper makes, and what each counts: for its log and for metrics. */
export const repairKinds = {
  worker_lapsed: 'workers given up because their lease had lapsed',
  worker_missing: 'workers given up because their row was gone',
  task_moved_on: 'running tasks taken from a lost worker',
  task_requeued: 'queued tasks without an entry that would wake a runner, given a new entry',
  entry_settled: 'queue entries whose task did not wait for them, withdrawn',
  queue_created: 'queues of pg-boss that were gone, made again',
  worker_forgotten: 'rows of workers lost long ago, deleted',
} as const;

export type RepairKind = keyof typeof repairKinds;
