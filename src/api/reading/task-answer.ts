/** A version of a task as it is sent: the bytes, the validator, and the headers of a poll. */
import { isNearEnd } from '../../../public/progress.js';
import type { TaskRow } from '../../tasks/model/row.ts';
import { isTerminal } from '../../tasks/model/state-machine.ts';
import { type ResultLink, type TaskView, viewTask } from '../../tasks/model/view.ts';
import type { QueuePlaces } from '../../tasks/snapshots/queue-places.ts';
import type { Snapshot } from '../../tasks/snapshots/snapshot.ts';
import type { Snapshots } from '../../tasks/snapshots/snapshots.ts';
import { entityTag } from './polls/etag.ts';
import { type Prospect, retryAfterSeconds } from './retry-after.ts';

/** All but `poll` is a function of the row. */
export interface TaskAnswer extends Prospect {
  readonly json: Buffer;
  /**
   * The JSON as it is sent. Short JSON is a string with a character for each byte, which Node sends in one piece
   * with the headers, without encoding it again; a buffer takes a tenth longer. Long JSON is a buffer, so that
   * clients that do not read keep no copies of it.
   */
  readonly body: Buffer | string;
  /** The JSON for answers with many tasks: the same, but without a large result. */
  readonly brief: Buffer;
  readonly etag: string;
  readonly isFinished: boolean;
  readonly type: string;
  readonly losses: number;
  readonly updatedAt: Date;
  readonly workerId: string | null;
  /** Whether another attempt would go on from a checkpoint. */
  readonly hasCheckpoint: boolean;
  /** Made for the first poll, and again after a second, as Retry-After changes with time. */
  poll: PollHeaders | undefined;
}

/** Names and values in turn, as `writeHead` takes them. */
export interface PollHeaders {
  readonly found: string[];
  readonly notModified: string[];
  readonly retryAfterSeconds: number | undefined;
  /** By `performance.now()`. */
  readonly untilMs: number;
}

export type TaskSnapshot = Snapshot<TaskAnswer>;
export type TaskSnapshots = Snapshots<TaskAnswer>;

/** A result whose JSON has more characters than this is left out of answers with many tasks. */
const maxBriefResultLength = 16 * 1024;
const maxStringBytes = 16 * 1024;
const headersAgeMs = 1_000;
/** About what a snapshot takes in memory beside its bytes. */
const overheadBytes = 1_000;

export const jsonType = 'application/json; charset=utf-8';

export function answerOf(row: TaskRow, resultLink: ResultLink): TaskAnswer {
  const view = viewTask(row, resultLink);
  const text = JSON.stringify(view);
  const json = Buffer.from(text);
  const brief = briefView(view);
  return {
    json,
    body: json.length <= maxStringBytes ? json.toString('latin1') : json,
    brief: brief === view ? json : Buffer.from(JSON.stringify(brief)),
    etag: entityTag(text, row.version),
    isFinished: isTerminal(row.status),
    status: row.status,
    type: row.type,
    losses: row.losses,
    updatedAt: row.updatedAt,
    workerId: row.workerId,
    hasCheckpoint: row.checkpointNo > 0,
    nextAttemptMs: row.nextAttemptAt?.getTime() ?? null,
    startedMs: row.startedAt?.getTime() ?? null,
    etaSeconds: isNearEnd(view) ? 0 : view.etaSeconds,
    poll: undefined,
  };
}

/** The task for answers with many tasks. `resultOmitted`: a result was left out, but the task's URL has it. */
export function briefView(view: TaskView): TaskView {
  const { result } = view;
  // These are always short, so they are not measured.
  if (result === null || typeof result === 'number' || typeof result === 'boolean') return view;
  if (JSON.stringify(result).length <= maxBriefResultLength) return view;
  return { ...view, result: null, resultOmitted: true };
}

/** The snapshot for those who keep many: without the large result, which can then be forgotten. */
export function briefOf(snapshot: TaskSnapshot): TaskSnapshot {
  const { answer } = snapshot;
  if (answer.brief === answer.json) return snapshot;
  return { ...snapshot, answer: { ...answer, json: answer.brief, body: answer.brief, poll: undefined } };
}

export function bytesOf({ json, body, brief }: TaskAnswer): number {
  const ownBody = body === json ? 0 : body.length;
  const ownBrief = brief === json ? 0 : brief.length;
  return json.length + ownBody + ownBrief + overheadBytes;
}

/** The view from which the answer was made. */
export function viewOf(answer: TaskAnswer): TaskView {
  return JSON.parse(answer.json.toString()) as TaskView;
}

/**
 * The headers of a plain poll.
 * @param nowMs by `performance.now()`
 * @param publicCacheSeconds for how long a shared cache may answer in our place; 0 for not at all
 */
export function pollHeaders(
  answer: TaskAnswer,
  nowMs: number,
  places: QueuePlaces,
  publicCacheSeconds: number,
): PollHeaders {
  const seconds = whenToAskAgain(answer, places);
  const notModified = headOf(answer.etag, seconds, ['cache-control', cacheControl(publicCacheSeconds)]);
  return {
    found: foundHead(answer.json.length, notModified),
    notModified,
    retryAfterSeconds: seconds,
    untilMs: nowMs + headersAgeMs,
  };
}

/**
 * The headers of every answer to a poll, of a 304 too.
 * @param others `Cache-Control`, and the other headers of this kind of answer: names and values in turn
 */
export function headOf(
  etag: string,
  retryAfterSeconds: number | undefined,
  others: readonly string[],
): string[] {
  return [
    ...['etag', etag],
    ...others,
    ...['vary', 'Accept, Prefer'],
    ...(retryAfterSeconds === undefined ? [] : ['retry-after', String(retryAfterSeconds)]),
    ...['x-content-type-options', 'nosniff'],
  ];
}

/** The headers of an answer with JSON of `length` bytes; `head` comes from `headOf`. */
export function foundHead(length: number, head: readonly string[]): string[] {
  return ['content-type', jsonType, 'content-length', String(length), ...head];
}

/** The value of Retry-After, in seconds; undefined for a finished task. */
export function whenToAskAgain(answer: TaskAnswer, places: QueuePlaces): number | undefined {
  const secondsToStart = answer.status === 'queued' ? places.secondsToStart(answer) : undefined;
  return retryAfterSeconds(answer, Date.now(), secondsToStart);
}

/** A browser's own cache must ask each time. A shared cache may answer by itself if the setting allows it. */
export function cacheControl(publicCacheSeconds: number): string {
  return publicCacheSeconds === 0 ? 'no-cache' : `public, max-age=0, s-maxage=${publicCacheSeconds}`;
}
