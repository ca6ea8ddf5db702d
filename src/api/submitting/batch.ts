/** Reads a batch: many submits in one request. If one of them is not valid, the whole batch is refused. */
import { z } from 'zod';
import { Slice } from '../../scheduling/slice.ts';
import type { SubmitRequest } from '../../tasks/life/submit.ts';
import type { BatchConflict, BatchConflictError } from '../../tasks/life/submit-batch.ts';
import { taskUrl } from '../../tasks/model/view.ts';
import type { ApiContext } from '../context.ts';
import { type FieldError, fieldError, HttpProblem, invalidFields, invalidInput } from '../http/problems.ts';
import { readSubmit } from './json-submit.ts';

export const maxBatchBytes = 4 * 1024 * 1024;
const maxTasks = 1_000;
/** How long the checks of one batch may keep other requests waiting. */
const sliceMs = 5;

const batchBody = z.strictObject({
  tasks: z
    .array(z.unknown())
    .min(1, 'must have at least one task')
    .max(maxTasks, 'must have at most 1,000 tasks'),
});

/**
 * @throws {HttpProblem} 400 that names the wrong tasks and fields, such as `tasks[3].input.rows`; 500 if the
 *   code of a job has a fault
 */
export async function readBatch(context: ApiContext, json: unknown): Promise<SubmitRequest[]> {
  const body = batchBody.safeParse(json);
  if (!body.success) throw invalidInput(body.error);
  const requests: SubmitRequest[] = [];
  const faults: FieldError[] = [];
  const slice = new Slice(sliceMs);
  for (const [index, task] of body.data.tasks.entries()) {
    if (slice.isOver) await slice.next();
    try {
      requests.push(await readSubmit(context, task));
    } catch (error) {
      faults.push(...faultsOf(error, index));
    }
  }
  if (faults.length === 0) faults.push(...unlikeFaults(requests));
  if (faults.length > 0) throw invalidFields(faults);
  return requests;
}

/**
 * The faults of one task, with their paths in the batch.
 * @throws the error if it is not the client's fault
 */
function faultsOf(error: unknown, index: number): FieldError[] {
  if (!(error instanceof HttpProblem) || error.body.status >= 500) throw error;
  const { errors = [{ path: 'type', message: error.body.detail }] } = error.body;
  return errors.map(({ path, message }) =>
    fieldError([pathOf(index), ...(path === '' ? [] : [path])], message),
  );
}

/**
 * Finds tasks with the same key and different `onConflict`. They are refused, because otherwise the first of
 * them would decide whether a finished task gives up the key.
 */
function unlikeFaults(requests: readonly SubmitRequest[]): FieldError[] {
  const first = new Map<string, number>();
  return requests.flatMap(({ type, key, onConflict = 'existing' }, index) => {
    if (key === undefined) return [];
    const name = JSON.stringify([type, key]);
    const other = first.get(name);
    if (other === undefined) first.set(name, index);
    if (other === undefined || (requests[other]?.onConflict ?? 'existing') === onConflict) return [];
    return [
      fieldError(
        [pathOf(index), 'onConflict'],
        `differs from onConflict of ${pathOf(other)}, which has the same key`,
      ),
    ];
  });
}

/** The problem that is answered when keys of the batch belong to tasks with other input. */
export function batchConflict(error: BatchConflictError): HttpProblem {
  const errors = error.conflicts.slice(0, maxConflicts).map(conflictFault);
  const names = errors.slice(0, 3).map(({ path }) => path);
  const more = error.conflicts.length > names.length ? ', …' : '';
  return new HttpProblem(
    'key-conflict',
    `Nothing was submitted, because these keys belong to tasks with other input: ${names.join(', ')}${more}.`,
    { errors, cause: error },
  );
}

const maxConflicts = 20;

function conflictFault({ index, owner }: BatchConflict): FieldError {
  const path = [pathOf(index), 'key'];
  if ('index' in owner)
    return fieldError(path, `is also the key of ${pathOf(owner.index)}, which has other input`);
  return {
    ...fieldError(path, 'belongs to a task with other input'),
    existingTask: taskUrl(owner.taskId),
  };
}

const pathOf = (index: number) => `tasks[${index}]`;
