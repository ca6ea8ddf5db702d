import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';
import type { TaskContext } from '../../../src/jobs/task-context.ts';

const insert =
  (task: TaskContext, step: number) => async (tx: Parameters<Parameters<TaskContext['read']>[0]>[0]) => {
    await tx.$executeRaw`INSERT INTO effect (task_id, step, attempt) VALUES (${task.id}::uuid, ${step}, ${task.attempt})`;
  };

/** Careless uses of the task's calls: without `await`, inside each other, twice. */
const ways = {
  checkpointNotAwaited: async (task: TaskContext) => {
    void task.checkpoint({ step: 1 }, insert(task, 1));
    return 'returned';
  },
  finishNotAwaited: async (task: TaskContext) => {
    void task.finish('finished', insert(task, 1));
    return 'returned';
  },
  finishTwice: async (task: TaskContext) => {
    await task.finish('first', insert(task, 1));
    return task.finish('second', insert(task, 2));
  },
  nestedCheckpoint: async (task: TaskContext) => {
    await task.checkpoint({ step: 1 }, async () => {
      await task.checkpoint({ step: 2 });
    });
    return 'returned';
  },
  rejectionLeftBehind: async () => {
    void Promise.reject(new Error('left behind'));
    await sleep(300);
    return 'returned';
  },
} satisfies Record<string, (task: TaskContext) => Promise<string>>;

export default defineJob({
  type: 'careless',
  input: z.object({ how: z.enum(Object.keys(ways) as (keyof typeof ways)[]) }),
  result: z.string(),
  maxAttempts: 1,
  run: ({ how }, task) => ways[how](task),
});
