/** Makes a submit out of what a client sends: checks it, and finds the key and the title. */
import { z } from 'zod';
import type { JobDefinition } from '../../jobs/define-job.ts';
import { describeThrown } from '../../jobs/thrown.ts';
import type { TaskUpload } from '../../tasks/files/files.ts';
import { digestInput } from '../../tasks/life/digest.ts';
import { maxTitleLength, type SubmitRequest } from '../../tasks/life/submit.ts';
import { cleanseText } from '../../tasks/model/text.ts';
import type { ApiContext } from '../context.ts';
import { answerTimeMs, within } from '../http/answer-time.ts';
import { label } from '../http/label.ts';
import { fieldError, HttpProblem, invalidFields, invalidInput } from '../http/problems.ts';

const defaultMaxAttempts = 3;

/** A key of blanks is a mistake in the client: all its submits would be taken for the same one. */
const taskKey = label.refine((text) => text.trim() !== '', 'must have more than blanks');

/** The options of a submit, beside its input. */
export const submitOptions = z.strictObject({
  key: taskKey.optional(),
  group: label.optional(),
  title: z.string().min(1).max(maxTitleLength).optional(),
  onConflict: z.enum(['existing', 'replaceFinished'], 'must be "existing" or "replaceFinished"').optional(),
});

export type SubmitOptions = z.infer<typeof submitOptions>;

/** @throws {HttpProblem} 404 for a type that no job has */
export function definitionOf({ registry }: ApiContext, type: string): JobDefinition {
  const definition = registry.get(type);
  if (definition) return definition;
  throw new HttpProblem('unknown-type', `The job types are: ${registry.types.join(', ')}.`);
}

/** An input that fits its job. */
export interface CheckedInput {
  /** The input as it was sent, in JSON. It is stored, and each attempt parses it again. */
  readonly sent: unknown;
  /** What the job's schema makes of it. */
  readonly parsed: unknown;
}

/** Checks an input with the job's own schema. At the top level, unknown fields are refused. */
export async function checkInput(
  definition: JobDefinition,
  sent: unknown,
  prefix: readonly string[],
): Promise<CheckedInput> {
  const checked = await parse(definition, sent);
  if (!checked.success) throw invalidInput(checked.error, prefix);
  return { sent, parsed: checked.data };
}

/** @throws {HttpProblem} 500 that blames the job, when code in its schema throws or does not end in time */
async function parse(definition: JobDefinition, sent: unknown): Promise<z.ZodSafeParseResult<unknown>> {
  const fault = (what: string, cause?: unknown) => jobFault(definition, `its input schema ${what}`, cause);
  const parsing = strictly(definition.input)
    .safeParseAsync(sent)
    .catch((error: unknown) => {
      throw fault(`has thrown: ${describeThrown(error).message}`, error);
    });
  return within(parsing, answerTimeMs, () => fault(`took longer than ${answerTimeMs / 1000} s`));
}

const strictSchemas = new WeakMap<z.ZodType, z.ZodType>();

/** The schema with its top level strict, made once. */
function strictly(schema: z.ZodType): z.ZodType {
  let strict = strictSchemas.get(schema);
  if (!strict) {
    strict = refusingUnknown(schema);
    strictSchemas.set(schema, strict);
  }
  return strict;
}

/** Types of schemas that pass their value unchanged to an inner schema. */
const wrappers = new Set(['readonly', 'optional', 'nullable', 'nonoptional']);

/** The schema, but an object on top, inside a wrapper or at the head of a pipe refuses unknown fields. */
function refusingUnknown(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) return schema.def.catchall === undefined ? schema.strict() : schema;
  const { def } = schema;
  if ('in' in def && def.in instanceof z.ZodType) {
    return schema.clone({ ...def, in: refusingUnknown(def.in) } as typeof def);
  }
  if ('innerType' in def && def.innerType instanceof z.ZodType && wrappers.has(def.type)) {
    return schema.clone({ ...def, innerType: refusingUnknown(def.innerType) } as typeof def);
  }
  return schema;
}

/** @param upload the file that the input names */
export function submitRequest(
  definition: JobDefinition,
  { sent, parsed }: CheckedInput,
  options: SubmitOptions,
  upload?: TaskUpload,
): SubmitRequest {
  return {
    type: definition.type,
    input: sent,
    oldDigest: () => digestInput(parsed, upload && { [upload.id]: upload }),
    title: titleOf(definition, parsed, options.title),
    maxAttempts: definition.maxAttempts ?? defaultMaxAttempts,
    key: options.key ?? keyOf(definition, parsed),
    group: options.group,
    onConflict: options.onConflict,
    upload,
  };
}

/** The submitter's title, or else the job's, or else the job's type. A title of blanks counts as none. */
function titleOf(definition: JobDefinition, input: unknown, given: string | undefined): string {
  const isVisible = (title: string | undefined) => cleanseText(title ?? '').trim() !== '';
  if (given !== undefined && isVisible(given)) return given;
  const title = askJob(definition, 'title', input);
  return title !== undefined && isVisible(title) ? title : definition.type;
}

function keyOf(definition: JobDefinition, input: unknown): string | undefined {
  const key = askJob(definition, 'key', input);
  if (key === undefined) return undefined;
  const checked = taskKey.safeParse(key);
  if (checked.success) return checked.data;
  throw jobFault(definition, `its key() returned an invalid key: ${checked.error.issues[0]?.message}`);
}

/** @throws {HttpProblem} 500 that blames the job, when its code throws or returns something else than text */
function askJob(definition: JobDefinition, what: 'title' | 'key', input: unknown): string | undefined {
  let answer: unknown;
  try {
    answer = definition[what]?.(input);
  } catch (error) {
    throw jobFault(definition, `its ${what}() has thrown: ${describeThrown(error).message}`, error);
  }
  if (answer === undefined || typeof answer === 'string') return answer;
  throw jobFault(
    definition,
    `its ${what}() returned ${answer === null ? 'null' : typeof answer} instead of text`,
  );
}

/** The problem for a fault in a job's code: neither the client nor the service is to blame. */
export function jobFault({ type }: JobDefinition, what: string, cause?: unknown): HttpProblem {
  return new HttpProblem('job-fault', `The code of the job "${type}" has a fault: ${what}.`, { cause });
}

/**
 * The options with the key of an Idempotency-Key header, which is a bare or a quoted string.
 * @throws {HttpProblem} 400 where the header is no key, or differs from the key in the request
 */
export function withKeyHeader(options: SubmitOptions, headers: readonly string[] | undefined): SubmitOptions {
  const [header, ...others] = headers ?? [];
  if (header === undefined) return options;
  if (others.length > 0) throw keyHeaderProblem('is given more than once');
  // Node reads header bytes as Latin-1; clients mean UTF-8.
  const text = Buffer.from(header, 'latin1').toString('utf8');
  const key = taskKey.safeParse(/^"(.*)"$/.exec(text)?.[1] ?? text);
  if (!key.success) throw keyHeaderProblem('must have 1 to 200 printable characters');
  if (options.key !== undefined && options.key !== key.data) {
    throw keyHeaderProblem('differs from the key in the request; send one of them');
  }
  return { ...options, key: key.data };
}

function keyHeaderProblem(message: string): HttpProblem {
  return invalidFields([fieldError(['Idempotency-Key'], message)]);
}
