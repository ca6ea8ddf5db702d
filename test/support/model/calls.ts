/** Calls on one task, one by one or several at once. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect } from 'vitest';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { type AttemptRef, fail, stillRunning, succeedAlone } from '../../../src/tasks/life/end.ts';
import { retryTask } from '../../../src/tasks/life/retry.ts';
import { emptyReport } from '../../../src/tasks/model/progress-report.ts';
import type { Store } from '../../../src/tasks/store.ts';
import { actualRow, type Command, command, expectedRow, idAt, maxTasks, move, taskAt } from './command.ts';
import type { ModelTask } from './model.ts';
import * as expected from './model.ts';

/**
 * One call on one task: `act` makes the call on the store, and `apply` gives the answer that the model
 * expects.
 */
interface Call {
  readonly name: string;
  act(on: Store, taskId: string, attempt: number): Promise<unknown>;
  apply(task: ModelTask, attempt: number): unknown;
}

export const cancelCall: Call = {
  name: 'cancel',
  act: async (on, taskId) => (await cancelTask(on, taskId))?.outcome ?? null,
  apply: (task) => expected.cancel(task),
};
const retryCall = (from: 'checkpoint' | 'start'): Call => ({
  name: `retry from ${from}`,
  act: async (on, taskId) => (await retryTask(on, taskId, from))?.outcome ?? null,
  apply: (task) => expected.retry(task, from),
});
/**
 * Writes an end, and repeats the write while another holds the row, as a runner does. Returns whether it was
 * written.
 */
async function endOf(on: Store, ends: readonly AttemptRef[], write: () => Promise<AttemptRef[]>) {
  for (;;) {
    if ((await write()).length === 1) return true;
    if ((await stillRunning(on, ends)).length === 0) return false;
  }
}

export const succeedCall: Call = {
  name: 'succeed',
  act: (on, taskId, attempt) => {
    const ends = [{ taskId, attempt, result: '{}', report: emptyReport }];
    return endOf(on, ends, () => succeedAlone(on, ends));
  },
  apply: (task, attempt) => expected.succeed(task, attempt),
};
const failCall = (outcome: expected.Outcome, delaySeconds: number): Call => ({
  name: `${outcome}, ${delaySeconds} s`,
  act: (on, taskId, attempt) => {
    const error = outcome === 'handed_back' ? undefined : { code: 'x', message: 'y' };
    const ends = [{ taskId, attempt, outcome, error, delaySeconds, report: emptyReport }];
    return endOf(on, ends, () => fail(on, ends));
  },
  apply: (task, attempt) => expected.fail(task, attempt, outcome, delaySeconds > 0),
});

export const place = fc.nat(maxTasks - 1);
/** By how many attempts the call is too late: mostly none, sometimes one. */
export const lag = fc.constantFrom(0, 0, 0, 0, 1);
/** A delay that no script of the test outlasts. */
const hourSeconds = 3600;
const outcome = fc.constantFrom<expected.Outcome>('failed', 'timed_out', 'permanent', 'handed_back');
export const failCalls = fc
  .tuple(outcome, fc.constantFrom(0, hourSeconds))
  .map(([how, seconds]) => failCall(how, seconds));
export const retryCalls = fc.constantFrom('checkpoint' as const, 'start' as const).map(retryCall);

/** Makes one of these calls, for an attempt that may be too late. */
export const single = (calls: fc.Arbitrary<Call>) =>
  fc.tuple(calls, place, lag).map(([call, at, late]) =>
    move(`${call.name} (task ${at}, ${late} late)`, async (model, real) => {
      const task = taskAt(model, at);
      const attempt = task.attempt - late;
      const id = idAt(model, real, at);

      const answer = await call.act(real.store, id, attempt);

      expect(answer).toBe(call.apply(task, attempt));
    }),
  );

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first, at) => permutations(items.toSpliced(at, 1)).map((rest) => [first, ...rest]));
}

/**
 * Several calls on one task at once. The outcome must equal that of the same calls one by one, in some order.
 */
export const races: fc.Arbitrary<Command> = fc
  .tuple(
    place,
    fc.array(fc.oneof(fc.constant(cancelCall), retryCalls, fc.constant(succeedCall), failCalls), {
      minLength: 2,
      maxLength: 4,
    }),
  )
  .map(([at, calls]) =>
    command(`at once (task ${at}): ${calls.map((call) => call.name).join(' | ')}`, async (model, real) => {
      const id = idAt(model, real, at);
      const task = taskAt(model, at);
      const { attempt } = task;

      const answers = await Promise.all(
        calls.map((call, index) => call.act(index % 2 === 0 ? real.store : real.others, id, attempt)),
      );
      const found = { answers, row: task.isDeleted ? null : await actualRow(real.store, id) };

      const legal = permutations([...calls.keys()]).map((order) => {
        const after = structuredClone(task);
        const said = new Map(order.map((index) => [index, calls[index]?.apply(after, attempt)]));
        const row = after.isDeleted ? null : expectedRow(after, real);
        return { answers: calls.map((_, index) => said.get(index)), row, after };
      });
      expect(legal).toContainEqual({ ...found, after: expect.anything() });
      const match = legal.find((one) => isDeepStrictEqual({ answers: one.answers, row: one.row }, found));
      Object.assign(task, match?.after);
    }),
  );
