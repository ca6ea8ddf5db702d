import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/**
 * Works in steps, each with an effect that is not idempotent: a row appended to the table `effect`
 * (created by `createEffectTable`), committed together with the step's checkpoint.
 */
export default defineJob({
  type: 'steps',
  input: z.object({
    steps: z.int(),
    stepMs: z.number(),
    /** Milliseconds that the transaction of each step stays open between its write and its commit. */
    holdMs: z.number().default(0),
    /**
     * The transaction of the first step of attempt 1 stays open until the chaos scenario releases the task.
     */
    holdsFirst: z.boolean().default(false),
    ignoresSignal: z.boolean().default(false),
  }),
  result: z.object({ steps: z.int(), attempts: z.array(z.int()) }),
  timeoutSeconds: 600,
  backoff: { seconds: 0.2, maxSeconds: 1 },
  async run({ steps, stepMs, holdMs, holdsFirst, ignoresSignal }, task) {
    const state = (task.resumeFrom ?? { step: 0, attempts: [] }) as { step: number; attempts: number[] };
    const attempts = [...state.attempts, task.attempt];
    task.setUnit('steps');
    for (let step = state.step; step < steps; step += 1) {
      if (!ignoresSignal) task.signal.throwIfAborted();
      await sleep(stepMs);
      await task.checkpoint({ step: step + 1, attempts }, async (tx) => {
        await tx.$executeRaw`INSERT INTO effect (task_id, step, attempt) VALUES (${task.id}::uuid, ${step}, ${task.attempt})`;
        if (holdMs > 0) await tx.$queryRaw`SELECT pg_sleep(${holdMs / 1000}::float8)::text`;
        if (holdsFirst && task.attempt === 1 && step === 0)
          await tx.$queryRaw`SELECT hold_until_released(${task.id}::uuid)::text`;
      });
      task.progress(step + 1, steps, `Step ${step + 1}`);
    }
    return task.finish({ steps, attempts }, async (tx) => {
      await tx.$executeRaw`INSERT INTO effect (task_id, step, attempt) VALUES (${task.id}::uuid, ${steps}, ${task.attempt})`;
    });
  },
});
