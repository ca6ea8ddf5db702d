/** What a job is given, without the job, and a write that it would do. */
import { AttemptContext } from '../../src/jobs/attempt/attempt-context.ts';
import { DatabaseContact } from '../../src/jobs/runner/contact.ts';
import { ProgressCounter } from '../../src/tasks/progress/counter.ts';
import type { Store } from '../../src/tasks/store.ts';
import type { RunningTask } from './tasks.ts';

/** What a job is given, on a store that may be behind the proxy. */
export function contextOf(
  on: Store,
  task: RunningTask,
  signal = new AbortController().signal,
): AttemptContext {
  return new AttemptContext({
    claimed: task.claimed,
    store: on,
    contact: new DatabaseContact(),
    counter: new ProgressCounter(),
    signal,
    over: signal,
    encodeResult: async (result) => JSON.stringify(result),
    onFinishing: async () => undefined,
    onFinishRefused: () => undefined,
  });
}

/** A write of the job's own that is not idempotent. */
export function leaveEffect(task: RunningTask, step: number) {
  return async (tx: Parameters<Parameters<AttemptContext['read']>[0]>[0]) => {
    await tx.$executeRaw`INSERT INTO effect (task_id, step, attempt) VALUES (${task.taskId}::uuid, ${step}, ${task.attempt})`;
  };
}
