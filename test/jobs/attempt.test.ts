/** An attempt in this process, whose job and schema the test controls. */
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Attempt } from '../../src/jobs/attempt/attempt.ts';
import { DatabaseTrouble } from '../../src/jobs/attempt/database-trouble.ts';
import { EndWriter } from '../../src/jobs/attempt/end-writer.ts';
import { defineJob, type JobDefinition } from '../../src/jobs/define-job.ts';
import { cancelTask } from '../../src/tasks/life/cancel.ts';
import { ProgressWriter } from '../../src/tasks/progress/writer.ts';
import { kindsOf, type RunningTask, rowOf, runTask, useStore } from '../support/tasks.ts';

const store = useStore();

function attemptAt(definition: JobDefinition, { claimed, workerId }: RunningTask): Attempt {
  const databaseTrouble = new DatabaseTrouble();
  const log = pino({ level: 'silent' });
  return new Attempt({
    claimed,
    definition,
    store,
    databaseTrouble,
    log,
    writer: new ProgressWriter({ store, workerId, onUnknown: () => undefined, onError: () => undefined }),
    ends: new EndWriter({ store, databaseTrouble, log }),
    leaseMs: 3_600_000,
    onDeadline: () => undefined,
  });
}

const unwatched = { onReturned: () => undefined, onOverdue: () => undefined };

describe('an attempt that is asked to stop while its input is parsed', () => {
  it.each([
    ['cancelled', 'onCancelRequested', ['cancel_requested', 'cancelled']],
    ['queued', 'onShutdown', ['handed_back']],
  ] as const)('never begins its job, and the task is %s', async (status, stop, kinds) => {
    const parsing = Promise.withResolvers<boolean>();
    let hasBegun = false;
    const job = defineJob({
      type: 'noop',
      input: z.unknown().refine(() => parsing.promise),
      result: z.null(),
      run: () => {
        hasBegun = true;
        return null;
      },
    });
    const task = await runTask(store);
    const attempt = attemptAt(job as unknown as JobDefinition, task);

    const ended = attempt.run(unwatched);
    if (stop === 'onCancelRequested') await cancelTask(store, task.taskId);
    attempt[stop]();
    parsing.resolve(true);
    await ended;

    expect(hasBegun).toBe(false);
    expect((await rowOf(store, task.taskId)).status).toBe(status);
    expect(await kindsOf(store, task.taskId)).toEqual(['submitted', 'started', ...kinds]);
  });
});

describe('an attempt whose result is parsed by a slow schema', () => {
  const job = defineJob({
    type: 'noop',
    input: z.unknown(),
    result: z.string().transform(async (text) => `${text}!`),
    run: (_input, task) => task.finish('done', async () => undefined),
  });

  it('ends with the result as the schema returns it, parsed once, both by finish and by return', async () => {
    const task = await runTask(store);

    await attemptAt(job as unknown as JobDefinition, task).run(unwatched);

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'succeeded', result: 'done!' });
  });

  it('also finishes if the job does not await finish', async () => {
    const task = await runTask(store);
    const careless = {
      ...job,
      run: async (_input: unknown, context: Parameters<typeof job.run>[1]) => {
        void context.finish('finished', async () => undefined);
        return 'returned';
      },
    };

    await attemptAt(careless as unknown as JobDefinition, task).run(unwatched);

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'succeeded', result: 'finished!' });
  });

  it('stores the result as it was when finish was called', async () => {
    const task = await runTask(store);
    const changing = defineJob({
      type: 'noop',
      input: z.unknown(),
      result: z.object({ rows: z.int() }),
      run: async (_input, context) => {
        const result = { rows: 1 };
        void context.checkpoint({ at: 1 });
        const finished = context.finish(result, async () => undefined);
        result.rows = 2;
        return finished;
      },
    });

    await attemptAt(changing as unknown as JobDefinition, task).run(unwatched);

    expect(await rowOf(store, task.taskId)).toMatchObject({ status: 'succeeded', result: { rows: 1 } });
  });
});

describe('a checkpoint that JSON cannot express', () => {
  it('fails the task for good, and names the place', async () => {
    const task = await runTask(store);
    const job = defineJob({
      type: 'noop',
      input: z.unknown(),
      result: z.null(),
      run: async (_input, context) => {
        await context.checkpoint({ next: 3, seen: new Set(['a']) });
        return null;
      },
    });

    await attemptAt(job as unknown as JobDefinition, task).run(unwatched);

    expect(await rowOf(store, task.taskId)).toMatchObject({
      status: 'failed',
      error: {
        code: 'invalid_checkpoint',
        message: 'A checkpoint cannot be stored: checkpoint.seen is a Set, which JSON cannot express',
      },
    });
  });
});
