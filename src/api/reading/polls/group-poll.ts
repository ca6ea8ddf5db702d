/** GET /groups/:group: all tasks of a group, as JSON or as a page. */
import type { FastifyInstance } from 'fastify';
import type { TaskStatus } from '../../../tasks/model/state-machine.ts';
import { type Group, maxMembers } from '../../../tasks/snapshots/group.ts';
import type { ApiContext } from '../../context.ts';
import { withinAnswerTime } from '../../http/answer-time.ts';
import { requireRepresentation } from '../../http/negotiation.ts';
import { groupFrom } from '../../http/params.ts';
import { sendPage } from '../../http/replies.ts';
import { renderGroupPage } from '../../pages/index.ts';
import type { Reading } from '../reading.ts';
import { groupEventRoutes } from '../streams/group-events.ts';
import { type TaskAnswer, type TaskSnapshot, viewOf } from '../task-answer.ts';
import { areFinished, etagOf, jsonArray, soonestNews, versionOf } from './collection.ts';
import { answerPoll, type Pollable, type State } from './pollable.ts';
import { groupAfterIn, seenBy } from './seen.ts';

/** The Retry-After of a group whose tasks are all finished: another task may join the group at any time. */
const idleRetryAfterSeconds = 10;

export function groupRoutes(app: FastifyInstance, context: ApiContext): void {
  const { reading } = context;
  app.get('/groups/:group', { config: { isPolled: true } }, async (request, reply) => {
    const name = groupFrom(request.params);
    const representation = requireRepresentation(request.headers.accept);
    const seen = seenBy(request.headers['if-none-match'], groupAfterIn(request.query));
    const group = await withinAnswerTime(reading.groups.find(name, seen.atLeast));
    if (representation === 'json')
      return answerPoll(reading, request, reply, pollableGroup(reading, group), seen);

    reading.groups.keep(group, 0);
    reply.header('vary', 'Accept, Prefer');
    const contents = contentsOf(group);
    contents.page ??= groupPage(group, contents);
    return sendPage(reply, contents.page);
  });
  groupEventRoutes(app, context);
}

function pollableGroup(reading: Reading, group: Group<TaskAnswer>): Pollable {
  const { groups, pageDetails } = reading;
  return {
    state(): State {
      const contents = contentsOf(group);
      return {
        get json() {
          contents.json ??= groupJson(group, contents);
          return contents.json;
        },
        version: contents.version,
        etag: contents.etag,
        isFinished: contents.isFinished,
        get retryAfterSeconds() {
          return soonestNews(contents.tasks, pageDetails.places) ?? idleRetryAfterSeconds;
        },
      };
    },
    watch: (onChange) => groups.watch(group, { changed: onChange, gone: onChange }),
    get isFresh() {
      return groups.isFresh;
    },
    keep: (ms) => groups.keep(group, ms),
    cacheControl: 'private, no-cache',
  };
}

/** What is sent for one generation of a group. */
interface Contents {
  readonly generation: number;
  readonly tasks: readonly TaskSnapshot[];
  readonly version: string;
  readonly etag: string;
  readonly isFinished: boolean;
  /** Made when the first client asks for JSON. */
  json: Buffer | undefined;
  /** Made when the first client asks for the page. */
  page: Buffer | undefined;
}

const latestContents = new WeakMap<Group<TaskAnswer>, Contents>();

/** Made once per generation for all clients, because a thousand tasks take milliseconds. */
function contentsOf(group: Group<TaskAnswer>): Contents {
  const known = latestContents.get(group);
  if (known?.generation === group.generation) return known;
  const { tasks, generation } = group;
  const version = versionOf(tasks);
  const contents = {
    generation,
    tasks,
    version,
    etag: etagOf(tasks, version),
    isFinished: tasks.length > 0 && areFinished(tasks),
    json: undefined,
    page: undefined,
  };
  latestContents.set(group, contents);
  return contents;
}

function groupJson(group: Group<TaskAnswer>, { tasks, version }: Contents): Buffer {
  const head = JSON.stringify({ group: group.name, version, counts: countsOf(tasks) });
  return Buffer.concat([
    Buffer.from(`${head.slice(0, -1)},"tasks":`),
    jsonArray(tasks),
    Buffer.from(`,"links":${JSON.stringify(linksOf(group))}}`),
  ]);
}

function groupPage(group: Group<TaskAnswer>, { tasks }: Contents): Buffer {
  const views = tasks.map(({ answer }) => viewOf(answer));
  return Buffer.from(renderGroupPage({ group: group.name, tasks: views, all: linksOf(group).all }));
}

export type StatusCounts = Record<TaskStatus, number>;

function countsOf(tasks: readonly TaskSnapshot[]): StatusCounts {
  const counts: StatusCounts = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
  for (const { answer } of tasks) counts[answer.status] += 1;
  return counts;
}

export interface GroupLinks {
  self: string;
  events: string;
  /** The list of all tasks of the group; set if this answer may have only the newest tasks. */
  all?: string;
}

function linksOf({ name, size }: Group<TaskAnswer>): GroupLinks {
  const self = `/groups/${encodeURIComponent(name)}`;
  const all = size < maxMembers ? {} : { all: `/tasks?group=${encodeURIComponent(name)}` };
  return { self, events: `${self}/events`, ...all };
}
