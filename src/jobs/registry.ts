/** The registry of jobs: each `*.job.ts` in a folder of jobs exports one by default. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Logger } from 'pino';
import { z } from 'zod';
import { messageOf } from '../database/error-text.ts';
import { seldom } from '../logging/seldom.ts';
import { safeLink } from '../tasks/model/link.ts';
import { typePattern } from '../tasks/model/type.ts';
import type { ResultLink } from '../tasks/model/view.ts';
import type { JobDefinition } from './define-job.ts';
import { looksLike, unfitInput, unfitResult } from './schemas.ts';

export interface JobRegistry {
  get(type: string): JobDefinition | undefined;
  readonly types: readonly string[];
}

/** Thrown for a job file that cannot be used. The message names the file and says what is wrong. */
export class JobFileError extends Error {
  override name = 'JobFileError';
}

const aFunction = z.custom((value) => typeof value === 'function', 'a function');

const jobShape = z.object({
  type: z
    .string()
    .regex(typePattern, 'lower-case letters, digits and hyphens, at most 63')
    .refine((type) => type !== 'batch', 'not "batch", as POST /tasks/batch submits many tasks'),
  input: z.instanceof(z.ZodType, { error: 'a zod schema' }),
  result: z.instanceof(z.ZodType, { error: 'a zod schema' }),
  run: aFunction,
  title: aFunction.optional(),
  key: aFunction.optional(),
  resultLink: aFunction.optional(),
  maxAttempts: z.int().min(1).max(1000).optional(),
  timeoutSeconds: z
    .number()
    .positive()
    .max(7 * 24 * 3600)
    .optional(),
  concurrency: z.int().min(1).optional(),
  isolated: z.boolean().optional(),
  retentionDays: z.number().positive().max(3650).optional(),
  backoff: z.object({ seconds: z.number().min(0), maxSeconds: z.number().min(0) }).optional(),
  upload: z
    .object({
      field: z.string().min(1),
      contentTypes: z.array(z.string()),
      defaults: aFunction.optional(),
    })
    .optional(),
});

/**
 * Loads all jobs of the given folders.
 * @throws {JobFileError} for a file that cannot be loaded or does not export a job by default, and for a type
 *   that exists twice
 */
export async function loadRegistry(folders: readonly string[]): Promise<JobRegistry> {
  const jobs = new Map<string, JobDefinition>();
  for (const folder of folders) {
    for (const file of await listJobFiles(folder)) {
      const job = checkJob(file, await importDefault(file));
      if (jobs.has(job.type))
        throw new JobFileError(`${file}: another job already has the type "${job.type}"`);
      jobs.set(job.type, job);
    }
  }
  return { get: (type) => jobs.get(type), types: [...jobs.keys()] };
}

async function listJobFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new JobFileError(`the folder of job files cannot be read: ${messageOf(error)}`, { cause: error });
  });
  return names
    .filter((name) => /\.job\.(ts|js|mjs)$/.test(name))
    .sort()
    .map((name) => path.join(folder, name));
}

async function importDefault(file: string): Promise<unknown> {
  try {
    const module: { default?: unknown } = await import(pathToFileURL(file).href);
    return module.default;
  } catch (error) {
    throw new JobFileError(`${file} cannot be loaded: ${messageOf(error)}${placeOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * The place of a syntax error, which may be in a file that the job file imports. Node writes it into the
 * first line of the stack.
 */
function placeOf(error: unknown): string {
  const [first = ''] = (error instanceof Error ? (error.stack ?? '') : '').split('\n');
  return /^(file:|\/).*:\d+$/.test(first) ? ` (${first})` : '';
}

/**
 * The folders of the jobs that come with Headway: `src/jobs`, and one for each job that needs more than a
 * file.
 */
export async function ownJobFolders(): Promise<string[]> {
  const entries = await readdir(import.meta.dirname, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return [import.meta.dirname, ...folders.sort().map((name) => path.join(import.meta.dirname, name))];
}

/** The retention of the types whose jobs set one, in days. */
export function retentionDaysByType(registry: JobRegistry): Readonly<Record<string, number>> {
  return Object.fromEntries(
    registry.types.flatMap((type) => {
      const days = registry.get(type)?.retentionDays;
      return days === undefined ? [] : [[type, days]];
    }),
  );
}

/**
 * Makes links from results by the `resultLink` of their jobs. A task is shown without a link if the job's
 * code throws, or if the stored result does not fit the job's schema, as a result of an older version may
 * not.
 */
export function resultLinkOf(registry: JobRegistry, log: Pick<Logger, 'warn'>): ResultLink {
  const warn = seldom((type, error) => log.warn({ type, err: error }, 'the resultLink of a job failed'));
  return (type, result) => {
    const job = registry.get(type);
    if (!job?.resultLink) return undefined;
    try {
      return looksLike(job.result, result) ? safeLink(job.resultLink(result)) : undefined;
    } catch (error) {
      warn(type, error);
      return undefined;
    }
  };
}

function checkJob(file: string, exported: unknown): JobDefinition {
  const checked = jobShape.safeParse(exported);
  if (!checked.success) {
    const issues = checked.error.issues.map(
      (issue) => `${issue.path.join('.') || 'default export'}: ${issue.message}`,
    );
    throw new JobFileError(
      `${file} does not export a job (export default defineJob({ … })): ${issues.join('; ')}`,
    );
  }
  // The cast is safe: the shape has just been checked, as far as types can be checked at run time.
  const job = exported as JobDefinition;
  refuseUnfit(file, job);
  return job;
}

/**
 * Refuses schemas that require values which JSON cannot express: no task of such a job could ever succeed, or
 * even be submitted.
 */
function refuseUnfit(file: string, { input, result }: JobDefinition): void {
  const [inInput, inResult] = unfitParts(file, input, result);
  if (inInput !== undefined) {
    throw new JobFileError(
      `${file}: in its input, ${inInput}, which JSON cannot express. Let the schema make it from text or numbers, as with z.coerce or a pipe`,
    );
  }
  if (inResult !== undefined) {
    throw new JobFileError(
      `${file}: in its result, ${inResult}, which JSON cannot express. Return text, numbers, arrays, objects or null instead`,
    );
  }
}

function unfitParts(file: string, input: z.ZodType, result: z.ZodType): (string | undefined)[] {
  try {
    return [unfitInput(input), unfitResult(result)];
  } catch (error) {
    throw new JobFileError(`${file}: its schemas cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
