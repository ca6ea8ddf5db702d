/** Submitting tasks, one or many, and cancelling them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { cancelTask } from '../../tasks/life/cancel.ts';
import { BatchConflictError } from '../../tasks/life/submit-batch.ts';
import { taskUrl } from '../../tasks/model/view.ts';
import type { ApiContext, Handler } from '../context.ts';
import { withinAnswerTime } from '../http/answer-time.ts';
import { takeForms } from '../http/forms.ts';
import { prefersHtml } from '../http/negotiation.ts';
import { idFrom } from '../http/params.ts';
import { fieldError, HttpProblem, invalidFields, invalidInput, unknownTask } from '../http/problems.ts';
import { batchConflict, maxBatchBytes, readBatch } from './batch.ts';
import { readSubmit } from './json-submit.ts';
import { leadTo, sendBatch, sendChanged, sendSubmitted } from './write-answers.ts';

const noFields = z.strictObject({});

export function taskRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post('/tasks', submit(context));
  app.post('/tasks/batch', { bodyLimit: maxBatchBytes }, submitMany(context));
  app.register((forms, _options, done) => {
    takeForms(forms);
    forms.post('/tasks/:id/cancel', cancel(context));
    done();
  });
}

function submit(context: ApiContext): Handler {
  return async (request, reply) => {
    const keys = request.raw.headersDistinct['idempotency-key'];
    const asked = await readSubmit(context, bodyOf(request), keys);

    const submitted = await withinAnswerTime(context.submits.submit(asked));
    context.log.info(
      { task: submitted.task.id, type: asked.type, outcome: submitted.outcome },
      'task submitted',
    );
    return sendSubmitted(context, request, reply, submitted);
  };
}

function submitMany(context: ApiContext): Handler {
  return async (request, reply) => {
    if (request.raw.headersDistinct['idempotency-key'] !== undefined) {
      throw invalidFields([
        fieldError(['Idempotency-Key'], 'is for one task: give each task of a batch its own "key"'),
      ]);
    }
    const asked = await readBatch(context, bodyOf(request));

    const submitted = await withinAnswerTime(context.submits.submitBatch(asked)).catch((error: unknown) => {
      throw error instanceof BatchConflictError ? batchConflict(error) : error;
    });
    const created = submitted.filter(({ outcome }) => outcome === 'created').length;
    context.log.info({ tasks: submitted.length, created }, 'batch submitted');
    return sendBatch(context, reply, submitted);
  };
}

function bodyOf({ body }: FastifyRequest): unknown {
  if (body !== undefined) return body;
  throw new HttpProblem('invalid-request', 'The body is empty. Send a JSON object with "type" and "input".');
}

function cancel(context: ApiContext): Handler {
  return async (request, reply) => {
    const id = idFrom(request.params);
    const body = noFields.safeParse(request.body ?? {});
    if (!body.success) throw invalidInput(body.error);

    const cancelled = await withinAnswerTime(cancelTask(context.store, id));
    if (!cancelled) throw unknownTask();
    const { outcome, task } = cancelled;
    const { answer } = context.reading.snapshots.put(task);
    // People get the task's page, also after a refusal: it shows better than a problem what happened.
    if (prefersHtml(request.headers.accept)) return leadTo(reply, task.id);
    if (outcome === 'finished') {
      throw new HttpProblem('already-finished', `It is too late to cancel: the task has ${task.status}.`, {
        existingTask: taskUrl(task.id),
      });
    }
    return sendChanged(context, reply.code(outcome === 'requested' ? 202 : 200), answer);
  };
}
