/** GET /tasks/:id, as JSON or as a page, where `plain-poll.ts` has not answered it from memory. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { ApiContext } from '../../context.ts';
import { askerOf, withinAnswerTime } from '../../http/answer-time.ts';
import { requireRepresentation } from '../../http/negotiation.ts';
import { idFrom } from '../../http/params.ts';
import { unknownTask } from '../../http/problems.ts';
import { sendPage } from '../../http/replies.ts';
import { cacheControl, type TaskSnapshot, whenToAskAgain } from '../task-answer.ts';
import { TaskPages } from '../task-pages.ts';
import { answerPoll, type Pollable } from './pollable.ts';
import { waitSeconds } from './prefer.ts';
import { sendRemembered } from './remembered.ts';
import { seenBy, taskAfterIn } from './seen.ts';

export function pollRoutes(app: FastifyInstance, context: ApiContext): void {
  const pages = new TaskPages(context.reading.pageDetails, context.extensions);
  app.get('/tasks/:id', { config: { isPublic: true, isPolled: true } }, (request, reply) =>
    findAndSend(context, pages, request, reply),
  );
}

async function findAndSend(
  context: ApiContext,
  pages: TaskPages,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const { snapshots } = context.reading;
  const id = idFrom(request.params);
  const representation = requireRepresentation(request.headers.accept);
  const seen = seenBy(request.headers['if-none-match'], taskAfterIn(request.query));
  const { atLeast } = seen;
  const known = snapshots.current(id, atLeast);
  const isPlain = representation === 'json' && waitSeconds(request.headers.prefer?.toString()) === undefined;
  const remembered = known === undefined && isPlain ? snapshots.remembered(id, atLeast) : undefined;
  if (remembered) return sendRemembered(context.reading, request, reply, remembered);
  const snapshot = known ?? (await withinAnswerTime(snapshots.read(id, { asker: askerOf(reply) })));
  if (!snapshot) throw unknownTask();
  if (representation === 'html') return sendTaskPage(context, pages, reply, snapshot);
  await answerPoll(context.reading, request, reply, pollableTask(context, snapshot), seen);
  return undefined;
}

/** Follows a task, from the snapshot that was found. */
function pollableTask({ config, reading }: ApiContext, found: TaskSnapshot): Pollable {
  let latest = found;
  let isGone = false;
  return {
    state() {
      if (isGone) throw unknownTask();
      const { answer } = latest;
      return {
        json: answer.json,
        body: answer.body,
        version: String(latest.version),
        etag: answer.etag,
        isFinished: answer.isFinished,
        get retryAfterSeconds() {
          return whenToAskAgain(answer, reading.pageDetails.places);
        },
      };
    },
    watch(onChange) {
      return reading.snapshots.watch(latest, {
        changed(snapshot) {
          latest = snapshot;
          onChange();
        },
        gone() {
          isGone = true;
          onChange();
        },
      });
    },
    get isFresh() {
      return reading.snapshots.isFresh;
    },
    keep: (ms) => reading.snapshots.keep(latest, ms),
    cacheControl: cacheControl(config.publicCacheSeconds),
  };
}

async function sendTaskPage(
  { reading }: ApiContext,
  pages: TaskPages,
  reply: FastifyReply,
  snapshot: TaskSnapshot,
): Promise<FastifyReply> {
  reading.snapshots.keep(snapshot, 0);
  const page = await withinAnswerTime(pages.get(snapshot));
  reply.header('vary', 'Accept, Prefer');
  return sendPage(reply, page);
}
