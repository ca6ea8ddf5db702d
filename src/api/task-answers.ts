/** Tasks in answers: the JSON, its headers, and what follows a form. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TaskState } from '../generated/prisma/client.ts';
import type { Submitted } from '../tasks/submit.ts';
import { type TaskView, viewTask } from '../tasks/view.ts';
import type { ApiContext } from './context.ts';
import { matchesEtag, taskEtag } from './etag.ts';
import { prefersHtml } from './negotiation.ts';
import { retryAfterSeconds } from './retry-after.ts';

/** Sends the task's JSON, or 304 to a client that has this version. */
export function sendTask(
  { resultLink }: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  row: TaskState,
): FastifyReply {
  const view = viewTask(row, resultLink);
  const etag = taskEtag(row.version);
  reply.headers({ etag, 'cache-control': 'no-cache', vary: 'Accept, Prefer' });
  sayWhenToAskAgain(reply, view);
  if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();
  return sendView(reply, view);
}

/** 202 for a new task, 200 for one that was there; a form is led to the task's page. */
export function sendSubmitted(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { outcome, task }: Submitted,
): FastifyReply {
  const view = viewTask(task, context.resultLink);
  if (prefersHtml(request.headers.accept)) return leadTo(reply, view);
  reply.code(outcome === 'created' ? 202 : 200);
  reply.headers({ location: view.links.self, 'operation-location': view.links.self });
  return sendChanged(reply, task, view);
}

/** The task after a request that changed it. */
export function sendChanged(reply: FastifyReply, row: TaskState, view: TaskView): FastifyReply {
  reply.headers({ etag: taskEtag(row.version), 'cache-control': 'no-store', vary: 'Accept' });
  sayWhenToAskAgain(reply, view);
  return sendView(reply, view);
}

export function leadTo(reply: FastifyReply, view: TaskView): FastifyReply {
  return reply.headers({ 'cache-control': 'no-store', vary: 'Accept' }).redirect(view.links.html, 303);
}

function sendView(reply: FastifyReply, view: TaskView): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(view));
}

function sayWhenToAskAgain(reply: FastifyReply, view: TaskView): void {
  const seconds = retryAfterSeconds(view, new Date());
  if (seconds !== undefined) reply.header('retry-after', String(seconds));
}
