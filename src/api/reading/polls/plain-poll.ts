/**
 * Answers what nearly all requests are, polls of one task's JSON that memory can answer, before Fastify sees them:
 * its routing, its hooks and its two objects for each request take a fifth of the time of such a poll. All other
 * requests are Fastify's, also those that are refused: it then makes the same checks, and says why.
 */
import type { IncomingMessage } from 'node:http';
import type { Access } from '../../access/access.ts';
import { checkRequest } from '../../access/guard.ts';
import type { ApiContext } from '../../context.ts';
import { representationFor } from '../../http/negotiation.ts';
import type { FirstHandler } from '../../http/server.ts';
import { pollHeaders, type TaskSnapshot } from '../task-answer.ts';
import { matchesEtag } from './etag.ts';
import { writeAnswer } from './pollable.ts';
import { seenBy } from './seen.ts';

export function plainPoll({ config, reading }: ApiContext, access: Access): FirstHandler {
  const { snapshots, pageDetails } = reading;

  function headersOf(snapshot: TaskSnapshot) {
    const { answer } = snapshot;
    const nowMs = performance.now();
    if (answer.poll === undefined || answer.poll.untilMs < nowMs) {
      answer.poll = pollHeaders(answer, nowMs, pageDetails.places, config.publicCacheSeconds);
      // Called once for all polls that get these headers: the task stays in memory longer than they last.
      snapshots.keep(snapshot, 2000 * (answer.poll.retryAfterSeconds ?? 0));
    }
    return answer.poll;
  }

  return (request, response) => {
    const id = idIn(request);
    const snapshot = id === undefined ? undefined : snapshots.current(id);
    if (snapshot === undefined || !takesJson(request) || !isAllowed(access, request)) return false;
    const { answer } = snapshot;
    const ifNoneMatch = request.headers['if-none-match'];
    if (mayHaveNewer(ifNoneMatch, snapshot)) return false;
    const headers = headersOf(snapshot);
    if (matchesEtag(ifNoneMatch, answer.etag)) writeAnswer(response, 304, headers.notModified);
    else writeAnswer(response, 200, headers.found, answer.body);
    return true;
  };
}

const begin = '/tasks/';
const idLength = 36;

/** The id in the URL; undefined for other requests. Whether it is one, memory knows. */
function idIn({ method, url = '' }: IncomingMessage): string | undefined {
  const isPoll = method === 'GET' && url.length === begin.length + idLength && url.startsWith(begin);
  return isPoll ? url.slice(begin.length) : undefined;
}

function takesJson({ headers }: IncomingMessage): boolean {
  return headers.prefer === undefined && representationFor(headers.accept) === 'json';
}

function isAllowed(access: Access, request: IncomingMessage): boolean {
  try {
    checkRequest(access, request);
    return true;
  } catch {
    return false;
  }
}

/** Whether the client may have a newer version than memory, from another process: then the task must be read. */
function mayHaveNewer(ifNoneMatch: string | undefined, { answer, version }: TaskSnapshot): boolean {
  if (ifNoneMatch === undefined || ifNoneMatch === answer.etag) return false;
  return seenBy(ifNoneMatch, undefined).atLeast > version;
}
