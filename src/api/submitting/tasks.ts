/** Submitting and cancelling tasks. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { cancelTask } from '../../tasks/life/cancel.ts';
import { submitTask } from '../../tasks/life/submit.ts';
import { cleanseJson } from '../../tasks/model/text.ts';
import { taskUrl } from '../../tasks/model/view.ts';
import type { ApiContext, Handler } from '../context.ts';
import { withinAnswerTime } from '../http/answer-time.ts';
import { takeForms } from '../http/forms.ts';
import { prefersHtml } from '../http/negotiation.ts';
import { idFrom } from '../http/params.ts';
import { fieldError, HttpProblem, invalidFields, invalidInput, unknownTask } from '../http/problems.ts';
import { checkInput, definitionOf, submitOptions, submitRequest, withKeyHeader } from './submission.ts';
import { leadTo, sendChanged, sendSubmitted } from './write-answers.ts';

const submitBody = submitOptions.extend({ type: z.string(), input: z.unknown().optional() });
const noFields = z.strictObject({});

export function taskRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post('/tasks', submit(context));
  app.register((forms, _options, done) => {
    takeForms(forms);
    forms.post('/tasks/:id/cancel', cancel(context));
    done();
  });
}

function submit(context: ApiContext): Handler {
  return async (request, reply) => {
    if (request.body === undefined) {
      throw new HttpProblem(
        'invalid-request',
        'The body is empty. Send a JSON object with "type" and "input".',
      );
    }
    const body = submitBody.safeParse(request.body);
    if (!body.success) throw invalidInput(body.error);
    const { type, input = {}, ...given } = body.data;
    const definition = definitionOf(context, type);
    if (definition.upload) throw fileExpected(type, definition.upload.field);
    const options = withKeyHeader(given, request.raw.headersDistinct['idempotency-key']);
    const checked = await checkInput(definition, cleanseJson(input), ['input']);

    const submitted = await withinAnswerTime(
      submitTask(context.store, submitRequest(definition, checked, options)),
    );
    context.log.info({ task: submitted.task.id, type, outcome: submitted.outcome }, 'task submitted');
    return sendSubmitted(context, request, reply, submitted);
  };
}

function fileExpected(type: string, field: string): HttpProblem {
  return invalidFields([
    fieldError(['input', field], `is a file: send it as the body of POST /tasks/${type}, or as a form`),
  ]);
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
