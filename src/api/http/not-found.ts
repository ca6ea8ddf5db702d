/** Answers requests that match no route: 405 where the path has other methods, OPTIONS, 404. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { HttpProblem } from './problems.ts';
import { logRequest } from './request-log.ts';

/** Call before the routes are registered. */
export function answerUnknownRoutes(app: FastifyInstance, log: Logger): void {
  const methodsByPath = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsByPath.get(url) ?? new Set(['OPTIONS']);
    methodsByPath.set(url, methods);
    for (const name of [method].flat()) methods.add(name);
  });

  const methodsFor = (path: string): string[] => {
    if (path === '*') return ['GET', 'HEAD', 'POST', 'OPTIONS'];
    const matching = [...methodsByPath].filter(([pattern]) => matches(pattern, path));
    return [...new Set(matching.flatMap(([, methods]) => [...methods]))].sort();
  };

  app.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    reply.raw.once('finish', () => logRequest(log, request, reply));
    const allowed = methodsFor(pathOf(request.url));
    const allow = allowed.join(', ');
    if (request.method === 'OPTIONS' && allowed.length > 0)
      return reply.code(204).header('allow', allow).send();
    if (allowed.length > 0 && !allowed.includes(request.method)) {
      throw new HttpProblem('method-not-allowed', wayIn(request.method, allow), { headers: { allow } });
    }
    throw new HttpProblem('not-found', 'There is nothing under this URL.');
  });
}

/** People get here when they open the address to which a button sends its form. */
function wayIn(method: string, allow: string): string {
  const words =
    method === 'GET' ? 'There is no page here: only a button or a program uses this address.' : '';
  return `${words} The methods are: ${allow}.`.trimStart();
}

function matches(pattern: string, path: string): boolean {
  if (pattern.endsWith('*')) return path.startsWith(pattern.slice(0, -1));
  const expected = pattern.split('/');
  const given = path.split('/');
  return (
    expected.length === given.length &&
    expected.every((segment, index) =>
      segment.startsWith(':') ? given[index] !== '' : segment === given[index],
    )
  );
}

/** A request target may be a whole URL, as proxies send it. */
function pathOf(url: string): string {
  const path = url.split('?')[0] ?? '';
  return path.replace(/^https?:\/\/[^/]*/i, '');
}
