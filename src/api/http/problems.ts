/** Everything that can be wrong with a request, as problem details (RFC 9457): the one table of types. */
import type { FastifyError } from 'fastify';
import type { z } from 'zod';

import { describeTrouble, isPassingError } from '../../database/error-kinds.ts';
import { LostUploadError } from '../../tasks/files/files.ts';
import { KeyConflictError } from '../../tasks/life/submit.ts';
import { TooManySubmitsError } from '../../tasks/life/submit-queue.ts';
import { cleanseAndCut } from '../../tasks/model/text.ts';
import { AbandonedReadError, TooManyReadsError } from '../../tasks/snapshots/first-reads.ts';

/** Kind → status and title. A problem's `type` is `/problems/<kind>`; kinds are never renamed. */
const kinds = {
  'invalid-request': [400, 'The request is not valid'],
  'invalid-input': [400, 'The input is not valid'],
  'sign-in-required': [401, 'An API key is needed'],
  'not-local': [403, 'Only requests from this machine are served'],
  'admin-only': [403, 'Only operators may do this'],
  'cross-site': [403, 'The request comes from another site'],
  'not-found': [404, 'There is nothing here'],
  'unknown-task': [404, 'There is no such task'],
  'unknown-type': [404, 'There is no such job'],
  'method-not-allowed': [405, 'This method is not allowed here'],
  'not-acceptable': [406, 'Only JSON and HTML are available'],
  'request-timeout': [408, 'The request took too long to arrive'],
  'key-conflict': [409, 'The key belongs to another request'],
  'already-finished': [409, 'The task is finished'],
  'cannot-retry': [409, 'The task cannot be retried'],
  'too-large': [413, 'The request is too large'],
  'url-too-long': [414, 'The URL is too long'],
  'unsupported-media-type': [415, 'This type of body is not accepted here'],
  'expectation-failed': [417, 'What the Expect header asks for is not supported'],
  'too-many-wrong-keys': [429, 'Too many wrong keys'],
  'headers-too-large': [431, 'The headers are too large'],
  'too-many-watchers': [503, 'Too many clients are waiting'],
  'job-fault': [500, 'The job has a fault'],
  'internal-error': [500, 'Something went wrong in the service'],
  'too-busy': [503, 'The service is too busy at the moment'],
  unavailable: [503, 'The service is not available right now'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemKind = keyof typeof kinds;

/** A kind that only the routes of one job know. */
export interface OwnProblemKind {
  readonly name: string;
  readonly status: number;
  readonly title: string;
}

export interface FieldError {
  /** The names of the fields that lead to the value, joined by dots, such as `input.recipient`. */
  path: string;
  message: string;
  /** The URL of the task that has the key, where a request is about many tasks. */
  existingTask?: string;
}

function kindOf(name: ProblemKind): OwnProblemKind {
  const [status, title] = kinds[name];
  return { name, status, title };
}

/** The body of a problem. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: FieldError[];
  /** The URL of the task because of which the request is refused. */
  existingTask?: string;
}

export interface ProblemOptions {
  readonly errors?: FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly existingTask?: string;
  readonly cause?: unknown;
}

/** Thrown by anything that refuses a request; `detail` says what to do. */
export class HttpProblem extends Error {
  override name = 'HttpProblem';
  readonly body: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** The labels of the fields in the form that was sent. */
  fieldLabels: Readonly<Record<string, string>> | undefined;

  constructor(kind: ProblemKind | OwnProblemKind, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause });
    const { name, status, title } = typeof kind === 'string' ? kindOf(kind) : kind;
    const { errors, existingTask, headers = {} } = options;
    this.body = {
      type: `/problems/${name}`,
      title,
      status,
      detail,
      ...(errors && { errors }),
      ...(existingTask !== undefined && { existingTask }),
    };
    this.headers = headers;
  }
}

export function unknownTask(): HttpProblem {
  return new HttpProblem('unknown-task', 'No task has this id; a finished task is deleted after a while.');
}

/** When a client should try again while the database is away, or while too much waits. */
export const retryAfterTroubleSeconds = 5;

/** Refuses a request because the database did not answer in time. It may have written what was asked. */
export function unavailable(detail: string, cause?: unknown): HttpProblem {
  return new HttpProblem('unavailable', detail, {
    headers: { 'retry-after': String(retryAfterTroubleSeconds) },
    cause,
  });
}

/** Refuses a request because too many others wait already. */
export class TooBusy extends HttpProblem {
  constructor(detail: string, cause?: unknown) {
    super('too-busy', `${detail} Try again in a few seconds.`, {
      headers: { 'retry-after': String(retryAfterTroubleSeconds) },
      cause,
    });
  }
}

/** The advice in each answer that fails because the database did not answer or refused. */
export const tryAgain = 'Try again in a few seconds; a submit with a key may be repeated safely.';

/** The problems for requests that Fastify itself refuses, by Fastify's error code. */
const frameworkProblems: Readonly<Record<string, readonly [ProblemKind, string]>> = {
  FST_ERR_BAD_URL: ['invalid-request', 'The URL is not well-formed: its percent-encoding cannot be read.'],
  FST_ERR_MAX_PARAM_LENGTH: ['url-too-long', 'A part of the URL is longer than any id.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported-media-type',
    'Send the body as application/json, with that Content-Type.',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['too-large', 'The body is larger than is allowed here.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'invalid-request',
    'The body is shorter or longer than its Content-Length.',
  ],
};

/** Turns anything that was thrown into the problem that the client is told. */
export function problemFrom(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof KeyConflictError) {
    return new HttpProblem(
      'key-conflict',
      'A task with this key exists, and its input is different. Use another key, or ask for that task.',
      { existingTask: `/tasks/${error.existingId}`, cause: error },
    );
  }
  const { code, statusCode } = error as Partial<FastifyError>;
  const known = code === undefined ? undefined : frameworkProblems[code];
  if (known) return new HttpProblem(...known, { cause: error });
  // Comes before the check for database errors, because a client that hangs up in mid-body looks like one.
  const isCutOff = code === 'ECONNRESET' && error instanceof Error && error.message === 'aborted';
  if (isCutOff || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new HttpProblem('invalid-request', 'The connection ended in the middle of the body.', {
      cause: error,
    });
  }
  if (error instanceof TooManyReadsError) {
    return new TooBusy('Too many requests ask for tasks that must be read from the database first.', error);
  }
  if (error instanceof TooManySubmitsError) return new TooBusy('Too many submits wait to be written.', error);
  if (error instanceof LostUploadError) {
    return unavailable(`The database has lost a part of the file, as it was restarted. ${tryAgain}`, error);
  }
  if (error instanceof AbandonedReadError) {
    return new HttpProblem('request-timeout', 'The client no longer waits for this answer.', {
      cause: error,
    });
  }
  if (isPassingError(error)) return unavailable(`${describeTrouble(error)} ${tryAgain}`, error);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new HttpProblem('invalid-request', 'The request cannot be understood.', { cause: error });
  }
  return new HttpProblem('internal-error', 'The fault is on our side; it has been logged.', { cause: error });
}

const maxErrors = 20;
const maxPathLength = 200;

/** Refuses a value, with the paths of its faults. Each path begins with `prefix`. */
export function invalidInput(error: z.ZodError, prefix: readonly string[] = []): HttpProblem {
  return invalidFields(faultsOf(error, prefix));
}

/** A generator, because only the first 20 faults are used: a megabyte of unknown fields has 60,000. */
function* faultsOf(error: z.ZodError, prefix: readonly string[]): Generator<FieldError> {
  for (const issue of error.issues) {
    const path = [...prefix, ...issue.path.map(String)];
    if (issue.code !== 'unrecognized_keys') yield fieldError(path, issue.message);
    else for (const key of issue.keys) yield fieldError([...path, key], 'is not a known field');
  }
}

/** Refuses a value, and names at most 20 of its faults. The iterable is not read any further. */
export function invalidFields(faults: Iterable<FieldError>): HttpProblem {
  const errors: FieldError[] = [];
  for (const fault of faults) {
    errors.push(fault);
    if (errors.length === maxErrors) break;
  }
  const words = errors
    .slice(0, 3)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return new HttpProblem('invalid-input', `${words.join('; ')}${errors.length > 3 ? '; …' : ''}`, { errors });
}

export function fieldError(path: readonly (string | number)[], message: string): FieldError {
  return { path: cleanseAndCut(path.join('.'), maxPathLength), message: cleanseAndCut(message, 500) };
}
