/** The start page for people; under the same URL, links for programs. */
import type { FastifyInstance } from 'fastify';
import { viewTask } from '../../../tasks/model/view.ts';
import { listTasks } from '../../../tasks/queries/list.ts';
import type { ApiContext } from '../../context.ts';
import { withinAnswerTime } from '../../http/answer-time.ts';
import { requireRepresentation } from '../../http/negotiation.ts';
import { sendPage } from '../../http/replies.ts';
import { renderHome } from '../../pages/index.ts';

const recentTasks = 20;

export function homeRoutes(app: FastifyInstance, context: ApiContext): void {
  const { config, store, registry, resultLink } = context;
  // A service may run without a job that comes with Headway.
  const extensions = [...context.extensions.values()].filter(({ type }) => registry.types.includes(type));
  app.get('/', async (request, reply) => {
    const representation = requireRepresentation(request.headers.accept);
    reply.header('vary', 'Accept');
    if (representation === 'json') {
      return reply.header('cache-control', 'no-cache').send({
        types: registry.types,
        links: {
          submit: '/tasks',
          submitBatch: '/tasks/batch',
          submitFile: '/tasks/{type}',
          task: '/tasks/{id}',
          list: '/tasks{?status,type,group,limit,cursor}',
          ...Object.assign({}, ...extensions.map(({ links }) => links)),
        },
      });
    }
    const recent = await withinAnswerTime(listTasks(store, {}, recentTasks));
    const page = renderHome({
      recent: recent.tasks.map((row) => viewTask(row, resultLink)),
      forms: extensions.flatMap(({ renderForm }) => renderForm?.(config) ?? []),
      types: [...registry.types],
      open: config.apiKeys.length === 0,
    });
    return sendPage(reply, page);
  });
}
