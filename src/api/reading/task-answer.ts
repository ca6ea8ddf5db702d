/** A version of a task as it is sent: its bytes, its validator, and the headers of a poll. */
import type { TaskRow } from '../../tasks/model/row.ts';
import { isTerminal } from '../../tasks/model/state-machine.ts';
import { type ResultLink, type TaskView, viewTask } from '../../tasks/model/view.ts';
import type { QueuePlaces } from '../../tasks/snapshots/queue-places.ts';
import type { Snapshot, Snapshots } from '../../tasks/snapshots/snapshots.ts';
import { entityTag } from './polls/etag.ts';
import { type Prospect, retryAfterSeconds } from './retry-after.ts';

/** Everything but the headers is a function of the row. */
export interface TaskAnswer extends Prospect {
  readonly json: Buffer;
  /**
   * The same as it is sent. A short one is a string, which Node sends in one piece with the headers; a buffer takes
   * a tenth longer, but of a long one clients that do not read keep no copies.
   */
  readonly body: Buffer | string;
  /** What stands for it among others: the same, but for a large result. */
  readonly brief: Buffer;
  readonly etag: string;
  readonly isFinished: boolean;
  readonly type: string;
  readonly losses: number;
  readonly updatedAt: Date;
  readonly workerId: string | null;
  /** Another attempt goes on from there. */
  readonly hasCheckpoint: boolean;
  /** Made when the first poll asks, and again after a second: the time to ask again changes by itself. */
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

/** A result that takes more than this, as JSON, is left out where many tasks are told of. */
const maxBriefResultLength = 16 * 1024;
const maxStringBytes = 16 * 1024;
const headersAgeMs = 1_000;
/** What a snapshot takes beside its bytes, about. */
const overheadBytes = 1_000;

export const jsonType = 'application/json; charset=utf-8';

export function answerOf(row: TaskRow, resultLink: ResultLink): TaskAnswer {
  const view = viewTask(row, resultLink);
  const text = JSON.stringify(view);
  const json = Buffer.from(text);
  const brief = briefView(view);
  return {
    json,
    body: json.length <= maxStringBytes ? text : json,
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
    etaSeconds: hasReachedTotal(view) ? 0 : view.etaSeconds,
    poll: undefined,
  };
}

/** How long the rest takes is not known; that the end is near is likely, and who polls wants to see it. */
function hasReachedTotal({ status, done, total, ratePerSecond }: TaskView): boolean {
  return status === 'running' && done !== null && total !== null && done >= total && ratePerSecond !== null;
}

/** The task as one of many: `resultOmitted` says that it has a result, which its own URL tells. */
export function briefView(view: TaskView): TaskView {
  const { result } = view;
  // What can only be short need not be measured.
  if (result === null || typeof result === 'number' || typeof result === 'boolean') return view;
  if (JSON.stringify(result).length <= maxBriefResultLength) return view;
  return { ...view, result: null, resultOmitted: true };
}

/** The same for those who keep many: a large result can be forgotten. */
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

/** The view of which the answer was made. */
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
 * What every answer to a poll says, a 304 too.
 * @param others `Cache-Control`, and what else this kind of answer says
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

/** The same for one with a body of so many bytes. */
export function foundHead(length: number, head: readonly string[]): string[] {
  return ['content-type', jsonType, 'content-length', String(length), ...head];
}

/** Seconds; undefined for a finished task. */
export function whenToAskAgain(answer: TaskAnswer, places: QueuePlaces): number | undefined {
  const secondsToStart = answer.status === 'queued' ? places.secondsToStart(answer) : undefined;
  return retryAfterSeconds(answer, Date.now(), secondsToStart);
}

/** A browser's own cache asks each time; only a cache that many share may answer by itself, where that is allowed. */
export function cacheControl(publicCacheSeconds: number): string {
  return publicCacheSeconds === 0 ? 'no-cache' : `public, max-age=0, s-maxage=${publicCacheSeconds}`;
}
