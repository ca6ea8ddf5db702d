/** The task context of a job, for tests without a job, and a write that a job might do. */
import { AttemptContext } from '../../src/jobs/attempt/attempt-context.ts';
import { DatabaseTrouble } from '../../src/jobs/attempt/database-trouble.ts';
import { ProgressCounter } from '../../src/tasks/progress/counter.ts';
import type { Store } from '../../src/tasks/store.ts';
import type { RunningTask } from './tasks.ts';

/** The task context of a running task, on a store that may be behind the proxy. */
export function contextOf(
  on: Store,
  task: RunningTask,
  signal = new AbortController().signal,
): AttemptContext {
  return new AttemptContext({
    claimed: task.claimed,
    store: on,
    databaseTrouble: new DatabaseTrouble(),
    counter: new ProgressCounter(),
    signal,
    over: signal,
    encodeResult: async (result) => JSON.stringify(result),
    onFinishing: async () => undefined,
    onFinishRefused: () => undefined,
  });
}

/** A job's own write that is not idempotent. */
export function leaveEffect(task: RunningTask, step: number) {
  return async (tx: Parameters<Parameters<AttemptContext['read']>[0]>[0]) => {
    await tx.$executeRaw`INSERT INTO effect (task_id, step, attempt) VALUES (${task.taskId}::uuid, ${step}, ${task.attempt})`;
  };
}
