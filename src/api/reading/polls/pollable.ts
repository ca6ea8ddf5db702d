/** Answers polls of one task, of many tasks or of a group. A poll is plain, or waits for news. */
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { oneATurn } from '../../http/one-a-turn.ts';
import { unavailable } from '../../http/problems.ts';
import type { Reading } from '../reading.ts';
import { foundHead, headOf } from '../task-answer.ts';
import { matchesEtag } from './etag.ts';
import { hold } from './hold.ts';
import { waitSeconds } from './prefer.ts';
import type { Seen } from './seen.ts';

/** What an answer says at one moment. Slow fields may be getters: few answers need all fields. */
export interface State {
  readonly json: Buffer;
  /** The same JSON in a form that is sent faster, if there is one. */
  readonly body?: Buffer | string;
  /** Differs for each state, and is the same for the same state in every build. */
  readonly version: string;
  readonly etag: string;
  /** Whether nothing will change unless somebody acts. */
  readonly isFinished: boolean;
  /** Undefined if the state is finished. */
  readonly retryAfterSeconds: number | undefined;
}

export interface Pollable {
  /** The state as it is now. Throws the problem that the client is told when the thing is gone. */
  state(): State;
  /** Calls `onChange` whenever `state` may have changed, until the returned function is called. */
  watch(onChange: () => void): () => void;
  /** Whether memory, from which `state` is made, was refreshed within the last 2 s. */
  readonly isFresh: boolean;
  /** Keeps the thing in memory for this time, as the client will probably poll again within it. */
  keep(ms: number): void;
  /** The Cache-Control header of answers to plain polls. */
  readonly cacheControl: string;
}

/** How often, and how far apart, to check if memory is fresh again. If not within 2 s, it stays old. */
const maxLooks = 8;
const lookSeconds = 0.2;

/**
 * Answers a poll of JSON: a plain one at once. With `Prefer: wait=N`, a client that named versions is
 * answered when the state has another version; a client that named none, when the state is final; both when
 * the time is up. So an answer before that time means news or the end, or that this process is stopping.
 */
export async function answerPoll(
  reading: Reading,
  request: FastifyRequest,
  reply: FastifyReply,
  pollable: Pollable,
  seen: Seen,
): Promise<void> {
  const { prefer, 'if-none-match': ifNoneMatch } = request.headers;
  const seconds = waitSeconds(prefer?.toString());
  if (seconds === undefined) {
    const state = pollable.state();
    pollable.keep(2000 * (state.retryAfterSeconds ?? 0));
    sendState(reply, state, ifNoneMatch, ['cache-control', pollable.cacheControl]);
    return;
  }
  const hasNews = () => {
    const state = pollable.state();
    return seen.isNothing ? state.isFinished : !seen.has(state.version);
  };
  if (!hasNews() && seconds > 0) {
    const wait = (forSeconds: number) =>
      hold(reading.watchers, reply.raw, forSeconds, (onNews) =>
        pollable.watch(onceATurn(() => hasNewsOrIsGone(hasNews) && onNews())),
      );
    let end = await wait(seconds);
    // After a pause of this process, memory is old although the database is well: waits for a refresh.
    for (let looks = 0; end === 'time' && !pollable.isFresh && looks < maxLooks; looks += 1)
      end = await wait(lookSeconds);
    if (end === 'left') {
      reply.hijack();
      return;
    }
    if (end !== 'news' && !pollable.isFresh) {
      throw unavailable('The database does not answer, so it is not known whether anything has changed.');
    }
  }
  const state = pollable.state();
  // A client that has waited comes back at once, or after Retry-After.
  pollable.keep(2000 * (state.retryAfterSeconds ?? 0));
  const headers = ['cache-control', 'no-store', 'preference-applied', `wait=${seconds}`];
  sendState(reply, state, ifNoneMatch, headers);
}

/** One refresh may change many tasks. Calls `look` once, when all changes of the turn are known. */
function onceATurn(look: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    queueMicrotask(() => {
      isDue = false;
      look();
    });
  };
}

/** If the thing is gone, that is news, too: making the answer then throws the problem that says so. */
function hasNewsOrIsGone(hasNews: () => boolean): boolean {
  try {
    return hasNews();
  } catch {
    return true;
  }
}

function sendState(
  reply: FastifyReply,
  state: State,
  ifNoneMatch: string | undefined,
  headers: readonly string[],
): void {
  const { etag, retryAfterSeconds } = state;
  const head = headOf(etag, retryAfterSeconds, headers);
  if (matchesEtag(ifNoneMatch, etag)) {
    write(reply, 304, head);
    return;
  }
  const { json, body = json } = state;
  write(reply, 200, foundHead(json.length, head), body);
}

/** Sending an answer larger than this takes as long as sending a hundred short ones. */
const largeBytes = 64 * 1024;

/**
 * Sends an answer without Fastify's own sending, which would take a twentieth of the time of a poll. The
 * handler must then return nothing: Fastify would add half a dozen listeners to wait for a returned reply.
 * @param headers names and values in turn
 */
export function write(reply: FastifyReply, status: number, headers: string[], body?: Buffer | string): void {
  reply.hijack();
  writeAnswer(reply.raw, status, headers, body);
}

/**
 * @param headers names and values in turn
 * @param body a string has a character for each byte
 */
export function writeAnswer(
  response: ServerResponse,
  status: number,
  headers: string[],
  body?: Buffer | string,
): void {
  if (body !== undefined && body.length > largeBytes) {
    oneATurn(() => response.writeHead(status, headers).end(body, 'latin1'));
    return;
  }
  response.writeHead(status, headers);
  response.end(body, 'latin1');
}
