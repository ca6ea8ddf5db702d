/** POST /tasks/:id/retry */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Retried, retryTask } from '../../tasks/life/retry.ts';
import { taskUrl } from '../../tasks/model/view.ts';
import { readTask } from '../../tasks/queries/read.ts';
import type { ApiContext, Handler } from '../context.ts';
import { withinAnswerTime } from '../http/answer-time.ts';
import { takeForms } from '../http/forms.ts';
import { prefersHtml } from '../http/negotiation.ts';
import { idFrom } from '../http/params.ts';
import { HttpProblem, invalidInput, unknownTask } from '../http/problems.ts';
import { leadTo, sendChanged } from '../submitting/write-answers.ts';

const retryBody = z.strictObject({ from: z.enum(['checkpoint', 'start']).default('checkpoint') });

export function retryRoutes(app: FastifyInstance, context: ApiContext): void {
  app.register((forms, _options, done) => {
    takeForms(forms);
    forms.post('/tasks/:id/retry', retry(context));
    done();
  });
}

function retry(context: ApiContext): Handler {
  return async (request, reply) => {
    const id = idFrom(request.params);
    const body = retryBody.safeParse(request.body ?? {});
    if (!body.success) throw invalidInput(body.error);

    await checkType(context, id);
    const retried = await withinAnswerTime(retryTask(context.store, id, body.data.from));
    if (!retried) throw unknownTask();
    const { outcome, task } = retried;
    const { answer } = context.reading.snapshots.put(task);
    if (outcome === 'queued') context.log.info({ task: id, from: body.data.from }, 'task retried');
    // People get the task's page, also after a refusal: it shows better than a problem what happened.
    if (prefersHtml(request.headers.accept)) return leadTo(reply, task.id);
    if (outcome !== 'queued') throw refusal(outcome, task);
    return sendChanged(context, reply.code(202), answer);
  };
}

/** Refuses a task whose job no longer exists: no runner would ever take it, and its queue may be gone too. */
async function checkType({ store, registry }: ApiContext, id: string): Promise<void> {
  const task = await withinAnswerTime(readTask(store, id));
  if (!task || registry.get(task.type)) return;
  throw new HttpProblem(
    'cannot-retry',
    `There is no job of the type "${task.type}" any more: nothing could run the task.`,
  );
}

function refusal(outcome: Exclude<Retried['outcome'], 'queued'>, task: Retried['task']): HttpProblem {
  const words = {
    unfinished: `The task is not finished yet: it is ${task.status}.`,
    succeeded: 'The task has succeeded: submit a new one to do the work again.',
    external: 'The work of this task is done outside of this service, which cannot start it again.',
    replaced: 'A newer task has taken the place of this one: see the newer task.',
  };
  const other = outcome === 'replaced' ? task.replacedBy : null;
  return new HttpProblem('cannot-retry', words[outcome], { existingTask: taskUrl(other ?? task.id) });
}
