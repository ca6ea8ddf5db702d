/** Polls while the database is away: what memory knew, marked with its age. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Remembered } from '../../../tasks/snapshots/snapshots.ts';
import { retryAfterTroubleSeconds } from '../../http/problems.ts';
import type { Reading } from '../reading.ts';
import { foundHead, headOf, type TaskAnswer } from '../task-answer.ts';
import { matchesEtag } from './etag.ts';
import { write } from './pollable.ts';

/** Answers a plain poll of JSON: 200 or 304 with its age, never to be kept by a cache. */
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
    // A hit that is stale (RFC 9211): memory counts as fresh for no longer than a refresh, so it has been for all of its age.
    ...['cache-status', `headway; hit; ttl=-${ageSeconds}`],
    ...['cache-control', 'no-store'],
  ]);
  if (matchesEtag(request.headers['if-none-match'], etag)) write(reply, 304, head);
  else write(reply, 200, foundHead(json.length, head), body);
  return undefined;
}
