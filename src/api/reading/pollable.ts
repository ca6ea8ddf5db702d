/** Whatever can be polled, plainly or by waiting: a task, several, a group. One way to answer for all. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { oneATurn } from '../one-a-turn.ts';
import { unavailable } from '../problems.ts';
import { matchesEtag } from './etag.ts';
import { hold } from './hold.ts';
import { waitSeconds } from './prefer.ts';
import type { Reading } from './reading.ts';
import type { Seen } from './seen.ts';
import { foundHead, headOf } from './task-answer.ts';

/** What is sent at one moment. What takes time to make may be a getter: not all of it is always asked for. */
export interface State {
  readonly json: Buffer;
  /** The same, where there is a form that is sent faster. */
  readonly body?: Buffer | string;
  /** Tells it from all other states, whatever build sends it. */
  readonly version: string;
  readonly etag: string;
  /** Nothing more will happen by itself. */
  readonly isFinished: boolean;
  /** Undefined once finished. */
  readonly retryAfterSeconds: number | undefined;
}

export interface Pollable {
  /** As it is now. Throws the problem where it is gone. */
  state(): State;
  /** Calls `onChange` whenever `state` may have changed, until the returned function is called. */
  watch(onChange: () => void): () => void;
  /** Whether `state` is what the database has, a tick ago at most. */
  readonly isFresh: boolean;
  /** Says that it will be polled again within this time: it stays in memory. */
  keep(ms: number): void;
  /** Of plain polls. */
  readonly cacheControl: string;
}

/** So often, and so far apart, it is looked whether memory is fresh again: in two seconds it is, or will not be. */
const maxLooks = 8;
const lookSeconds = 0.2;

/**
 * Answers a poll of JSON: at once, or with `Prefer: wait=N` when its version is none that the client
 * has, or its state is final where the client has named nothing, or the time is up. So what is answered at once is
 * news, or the end.
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
    // After a pause of this process nothing is wrong but that its memory is old: a refresh is due now.
    for (let looks = 0; end === 'time' && !pollable.isFresh && looks < maxLooks; looks += 1)
      end = await wait(lookSeconds);
    if (end === 'left') {
      reply.hijack();
      return;
    }
    if (end !== 'news' && !pollable.isFresh) {
      throw unavailable('The database does not answer, so that nothing is known of changes.');
    }
  }
  const state = pollable.state();
  // Who has waited comes back at once, or as it is told.
  pollable.keep(2000 * (state.retryAfterSeconds ?? 0));
  const headers = ['cache-control', 'no-store', 'preference-applied', `wait=${seconds}`];
  sendState(reply, state, ifNoneMatch, headers);
}

/** Many tasks of one answer may change in one refresh: they are looked at together, when all of them are known. */
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

/** What is gone is news, which the answer tells. */
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

/** To send more takes as long as a hundred short answers. */
const largeBytes = 64 * 1024;

/**
 * Past Fastify's own sending, which a poll can do without: a twentieth of the time of an answer. The
 * handler returns nothing then: a reply would be waited for, with half a dozen listeners.
 * @param headers names and values in turn
 */
export function write(reply: FastifyReply, status: number, headers: string[], body?: Buffer | string): void {
  reply.hijack();
  const { raw } = reply;
  if (body !== undefined && body.length > largeBytes) {
    oneATurn(() => raw.writeHead(status, headers).end(body));
    return;
  }
  raw.writeHead(status, headers);
  raw.end(body);
}
