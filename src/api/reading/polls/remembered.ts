/** Answers polls while the database is away, with what memory knows, marked with its age. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Remembered } from '../../../tasks/snapshots/snapshot.ts';
import { retryAfterTroubleSeconds } from '../../http/problems.ts';
import type { Reading } from '../reading.ts';
import { foundHead, headOf, type TaskAnswer } from '../task-answer.ts';
import { matchesEtag } from './etag.ts';
import { write } from './pollable.ts';

/** Answers a plain poll of JSON: 200 or 304 with an Age, which no cache may store. */
export function sendRemembered(
  { snapshots }: Reading,
  request: FastifyRequest,
  reply: FastifyReply,
  { snapshot, ageSeconds }: Remembered<TaskAnswer>,
): undefined {
  const { etag, body, json } = snapshot.answer;
  snapshots.keep(snapshot, 2000 * retryAfterTroubleSeconds);
  const head = headOf(etag, retryAfterTroubleSeconds, [
    ...['age', String(ageSeconds)],
    // A negative `ttl` says that the hit is stale (RFC 9211). Memory is meant to be refreshed all the time,
    // so we say that it has been stale for its whole age.
    ...['cache-status', `headway; hit; ttl=-${ageSeconds}`],
    ...['cache-control', 'no-store'],
  ]);
  if (matchesEtag(request.headers['if-none-match'], etag)) write(reply, 304, head);
  else write(reply, 200, foundHead(json.length, head), body);
  return undefined;
}
