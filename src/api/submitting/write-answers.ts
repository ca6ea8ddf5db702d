/**
 * Answers to requests that have changed a task: its JSON with headers, or the way to its page after a form.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Submitted } from '../../tasks/life/submit.ts';
import { taskUrl } from '../../tasks/model/view.ts';
import type { ApiContext } from '../context.ts';
import { prefersHtml } from '../http/negotiation.ts';
import { answerOf, jsonType, type TaskAnswer, whenToAskAgain } from '../reading/task-answer.ts';

/** Sends 202 for a new task, 200 for one that existed already; after a form, leads to the task's page. */
export function sendSubmitted(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { outcome, task, replaced }: Submitted,
): FastifyReply {
  const { reading, resultLink } = context;
  if (outcome === 'created') reading.groups.submitted(task);
  // The row was read just now: with it in memory, a client that knows this version never gets an older one.
  else reading.snapshots.put(task);
  if (replaced) reading.snapshots.raise(replaced.id, replaced.version);
  const self = taskUrl(task.id);
  if (prefersHtml(request.headers.accept)) return leadTo(reply, task.id);
  reply.code(outcome === 'created' ? 202 : 200);
  reply.headers({ location: self, 'operation-location': self });
  return sendChanged(context, reply, answerOf(task, resultLink));
}

/** Sends the task after a request that changed it. */
export function sendChanged({ reading }: ApiContext, reply: FastifyReply, answer: TaskAnswer): FastifyReply {
  reply.headers({ etag: answer.etag, 'cache-control': 'no-store', vary: 'Accept' });
  const seconds = whenToAskAgain(answer, reading.pageDetails.places);
  if (seconds !== undefined) reply.header('retry-after', String(seconds));
  return reply.type(jsonType).send(answer.json);
}

/** Leads a browser to the task's page. */
export function leadTo(reply: FastifyReply, id: string): FastifyReply {
  return reply.headers({ 'cache-control': 'no-store', vary: 'Accept' }).redirect(taskUrl(id), 303);
}
