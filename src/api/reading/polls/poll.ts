/** GET /tasks/:id: answers from memory where possible, as JSON or as a page. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { ApiContext } from '../../context.ts';
import { askerOf, withinAnswerTime } from '../../http/answer-time.ts';
import { representationFor, requireRepresentation } from '../../http/negotiation.ts';
import { idFrom } from '../../http/params.ts';
import { unknownTask } from '../../http/problems.ts';
import { sendPage } from '../../http/replies.ts';
import { cacheControl, pollHeaders, type TaskSnapshot, whenToAskAgain } from '../task-answer.ts';
import { TaskPages } from '../task-pages.ts';
import { matchesEtag } from './etag.ts';
import { answerPoll, type Pollable, write } from './pollable.ts';
import { waitSeconds } from './prefer.ts';
import { sendRemembered } from './remembered.ts';
import { seenBy, taskAfterIn } from './seen.ts';

export function pollRoutes(app: FastifyInstance, context: ApiContext): void {
  const pages = new TaskPages(context.reading.pageDetails, context.extensions);
  app.get('/tasks/:id', { config: { isPublic: true, isPolled: true } }, (request, reply) => {
    const snapshot = inMemory(context, request);
    if (snapshot === undefined) return findAndSend(context, pages, request, reply);
    // Returns nothing: Fastify would wait for a returned reply as it waits for a promise.
    sendAtOnce(context, request, reply, snapshot);
  });
}

/**
 * The snapshot that answers a plain poll of JSON from memory at once, as it does for nearly every request.
 * Undefined for other requests, and where memory is not new enough.
 */
function inMemory({ reading }: ApiContext, request: FastifyRequest): TaskSnapshot | undefined {
  const { prefer, accept, 'if-none-match': ifNoneMatch } = request.headers;
  if (prefer !== undefined || representationFor(accept) !== 'json') return undefined;
  if ((request.query as { after?: unknown }).after !== undefined) return undefined;
  const snapshot = reading.snapshots.current((request.params as { id: string }).id);
  if (snapshot === undefined || ifNoneMatch === undefined || ifNoneMatch === snapshot.answer.etag)
    return snapshot;
  // The client may have a newer version than memory, from another process: then the task must be read.
  return seenBy(ifNoneMatch, undefined).atLeast > snapshot.version ? undefined : snapshot;
}

function sendAtOnce(
  { config, reading }: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  snapshot: TaskSnapshot,
): void {
  const { answer } = snapshot;
  const nowMs = performance.now();
  let headers = answer.poll;
  if (headers === undefined || headers.untilMs < nowMs) {
    headers = pollHeaders(answer, nowMs, reading.pageDetails.places, config.publicCacheSeconds);
    answer.poll = headers;
    // Called once for all polls that get these headers: the task stays in memory longer than they last.
    reading.snapshots.keep(snapshot, 2000 * (headers.retryAfterSeconds ?? 0));
  }
  if (matchesEtag(request.headers['if-none-match'], answer.etag)) write(reply, 304, headers.notModified);
  else write(reply, 200, headers.found, answer.body);
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
