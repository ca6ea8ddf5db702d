/** The one place where errors become answers. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { seldom } from '../logging/seldom.ts';
import { WrongKey } from './access/access.ts';
import { askForKey, type WayOn } from './access/sign-in.ts';
import type { WrongKeys } from './access/wrong-keys.ts';
import { discardBody } from './http/body.ts';
import { prefersHtml } from './http/negotiation.ts';
import { problemFrom, TooBusy } from './http/problems.ts';
import { sendProblem } from './http/replies.ts';

/** A refusal because of load is sent this late: clients that ask again at once ask once a second. */
const busyMs = 1_000;

export type ErrorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void;

export function answerError(log: Logger, wrongKeys: WrongKeys): ErrorHandler {
  // In an outage every request fails, so this is logged seldom.
  const sayUnavailable = seldom((error: unknown) =>
    log.warn({ err: error }, 'requests are answered with 503'),
  );
  const answer: ErrorHandler = (error, request, reply) => {
    const problem = problemFrom(error);
    const { status } = problem.body;
    if (status === 500) {
      // Logs the route, not the URL: the URL of a task is a capability.
      const { method, routeOptions } = request;
      log.error({ err: error, method, route: routeOptions.url }, 'request failed');
    }
    if (status === 503) sayUnavailable(problem.cause ?? problem);
    if (status === 401 && prefersHtml(request.headers.accept)) {
      discardBody(request.raw);
      askForKey(reply.code(401).headers(problem.headers), whereNext(request));
      return;
    }
    sendProblem(request, reply, problem);
  };
  return (error, request, reply) => {
    const problem = problemFrom(error);
    if (problem instanceof TooBusy) {
      setTimeout(() => answer(problem, request, reply), busyMs);
      return;
    }
    if (!(error instanceof WrongKey)) return answer(error, request, reply);
    wrongKeys.turn().then(
      () => answer(error, request, reply),
      (tooMany) => answer(tooMany, request, reply),
    );
  };
}

/** Where people go after signing in: to the page with the button, as a form is not sent again by itself. */
function whereNext({ method, url }: FastifyRequest): WayOn {
  if (method === 'GET') return { next: url, isUndone: false };
  return { next: /^(\/tasks\/[0-9a-f-]{36})\/(?:cancel|retry)$/i.exec(url)?.[1] ?? '/', isUndone: true };
}
