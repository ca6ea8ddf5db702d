/** GET /tasks: lists, newest first, with filters. With `ids` it is a poll of these tasks instead. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { TaskStatus } from '../../../generated/prisma/enums.ts';
import { typePattern } from '../../../tasks/model/type.ts';
import { type ResultLink, type TaskView, viewTask } from '../../../tasks/model/view.ts';
import { type ListedRow, listTasks, type TaskFilter } from '../../../tasks/queries/list.ts';
import type { Access } from '../../access/access.ts';
import type { ApiContext } from '../../context.ts';
import { withinAnswerTime } from '../../http/answer-time.ts';
import { Fields, queryOf } from '../../http/forms.ts';
import { label } from '../../http/label.ts';
import { requireRepresentation } from '../../http/negotiation.ts';
import { invalidInput } from '../../http/problems.ts';
import { sendPage } from '../../http/replies.ts';
import { renderListPage } from '../../pages/index.ts';
import { readMany } from '../polls/many.ts';
import { briefView } from '../task-answer.ts';
import { Cursors } from './cursor.ts';

const defaultLimit = 50;
const maxLimit = 100;

const statuses = Object.values(TaskStatus);
const limitExpected = `must be a whole number from 1 to ${maxLimit}`;
const query = z.strictObject({
  status: z.enum(statuses, `must be one of ${statuses.join(', ')}`).optional(),
  type: z.string().regex(typePattern, 'must be lower-case letters, digits and hyphens').optional(),
  group: label.optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, limitExpected)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= maxLimit, limitExpected)
    .default(defaultLimit),
  cursor: z.string().optional(),
});

export function listRoutes(app: FastifyInstance, context: ApiContext, access: Access): void {
  const cursors = new Cursors(access.secretFor('list cursors'));
  app.get('/tasks', { config: { isPublic: true, isPolled: true } }, async (request, reply) => {
    if (queryOf(request.url).has('ids')) {
      await readMany(context, request, reply);
      return undefined;
    }
    // A poll by ids needs no key, as ids are capabilities; a list shows ids, so it does.
    access.check(request);
    return list(context, cursors, request, reply);
  });
}

async function list(
  { store, registry, resultLink }: ApiContext,
  cursors: Cursors,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const fields = new Fields();
  fields.addAll(queryOf(request.url));
  const asked = query.safeParse(fields.toObject());
  if (!asked.success) throw invalidInput(asked.error);
  const { limit, cursor, ...filter } = asked.data;
  const after = cursor === undefined ? undefined : cursors.open(cursor, filter);
  const representation = requireRepresentation(request.headers.accept);

  const page = await withinAnswerTime(listTasks(store, filter, limit, after));
  const tasks = page.tasks.map((row) => listedView(row, resultLink));
  const next = page.next && listUrl(filter, limit, cursors.seal(page.next, filter));
  reply.header('vary', 'Accept');
  if (next !== undefined) reply.header('link', `<${next}>; rel="next"`);
  if (representation === 'html') {
    const newest = after && listUrl(filter, limit);
    return sendPage(reply, renderListPage({ tasks, filter, types: registry.types, next, newest }));
  }
  return reply
    .header('cache-control', 'private, no-cache')
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ tasks, links: { ...(next !== undefined && { next }) } }));
}

function listedView(row: ListedRow, resultLink: ResultLink): TaskView {
  const view = viewTask(row, resultLink);
  return row.hasLongResult ? { ...view, resultOmitted: true } : briefView(view);
}

/** An absolute path of ASCII characters only, whatever the group is called. */
function listUrl(filter: TaskFilter, limit: number, cursor?: string): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (value !== undefined) parameters.set(name, value);
  }
  if (limit !== defaultLimit) parameters.set('limit', String(limit));
  if (cursor !== undefined) parameters.set('cursor', cursor);
  return parameters.size === 0 ? '/tasks' : `/tasks?${parameters}`;
}
