/** The one place where whatever was thrown becomes an answer. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { discardBody } from './body.ts';
import { prefersHtml } from './negotiation.ts';
import { problemFrom } from './problems.ts';
import { sendProblem } from './replies.ts';
import { askForKey } from './session.ts';

/** An outage meets every request; the log is told this often. */
const outageLogMs = 10_000;

export type ErrorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void;

export function answerError(log: Logger): ErrorHandler {
  let quietUntilMs = 0;
  return (error, request, reply) => {
    const problem = problemFrom(error);
    const { status } = problem.body;
    if (status === 500) log.error({ err: error, method: request.method }, 'request failed');
    if (status === 503 && performance.now() > quietUntilMs) {
      quietUntilMs = performance.now() + outageLogMs;
      log.warn({ err: problem.cause ?? problem }, 'requests are answered with 503');
    }
    if (status === 401 && prefersHtml(request.headers.accept)) {
      // What was sent is not sent again: after signing in, people begin anew.
      const next = request.method === 'GET' ? request.url : '/';
      discardBody(request.raw);
      askForKey(reply.code(401).headers(problem.headers), next);
      return;
    }
    sendProblem(request, reply, problem);
  };
}
