/**
 * A job definition, which a job file exports: its type, the schemas of input and result, its limits and its
 * code.
 */
import type { z } from 'zod';
import type { TaskContext } from './task-context.ts';

export interface JobDefinition<Input extends z.ZodType = z.ZodType, Result extends z.ZodType = z.ZodType> {
  /** The job's name in URLs and rows: lower-case letters, digits and hyphens. */
  readonly type: string;
  /**
   * Parses the input as it was sent: once at the submit, and again in each attempt. So it must always return
   * the same for the same input: no default may depend on chance or on the time. Transforms and asynchronous
   * refinements are fine.
   */
  readonly input: Input;
  /**
   * Parses what the job returns, once. What the schema returns is stored as JSON. A result that does not fit
   * fails the task.
   */
  readonly result: Result;
  /** The title that people see on the page (default: the type). */
  readonly title?: (input: z.output<Input>) => string;
  /**
   * Makes a key from the input: submits with the same key are one task. It is used only if the submitter
   * gives no key.
   */
  readonly key?: (input: z.output<Input>) => string | undefined;
  /** After how many failures the task has failed (default 3). */
  readonly maxAttempts?: number;
  /** How long one attempt may take (default 3600 s). */
  readonly timeoutSeconds?: number;
  /** How many attempts of this type one runner runs at a time (default: as many as it has slots). */
  readonly concurrency?: number;
  /**
   * Whether each attempt runs in a process of its own, for work that computes more than it waits (default
   * false).
   */
  readonly isolated?: boolean;
  /**
   * How long to wait after failure n, before jitter: `seconds * 2 ** (n - 1)`, at most `maxSeconds` (defaults
   * 1 and 300).
   */
  readonly backoff?: { readonly seconds: number; readonly maxSeconds: number };
  /**
   * How long finished tasks of this job are kept, in days, which may have fractions (default:
   * `HEADWAY_RETENTION_DAYS`).
   */
  readonly retentionDays?: number;
  /** Set by a job that takes a file. */
  readonly upload?: JobUpload;
  /**
   * Makes a URL from the stored result: the address of what the job has made, as a path of this service or an
   * http(s) URL. The page and the JSON link to it.
   */
  readonly resultLink?: (result: Kept<z.output<Result>>) => string;
  readonly run: (input: z.output<Input>, task: TaskContext) => Promise<z.input<Result>> | z.input<Result>;
}

export interface JobUpload {
  /** The field of the input that receives the id of the file. */
  readonly field: string;
  /**
   * The media types that a raw body may have, besides `application/octet-stream`, which is always accepted.
   */
  readonly contentTypes: readonly string[];
  /** Makes input fields from the file, for those that the submitter did not give. */
  readonly defaults?: (file: { name: string; sha256: string }) => Record<string, unknown>;
}

/**
 * The type of a value after a round trip through JSON: a value with a `toJSON`, such as a Date, becomes its
 * result.
 */
export type Kept<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends { toJSON(): infer Json }
    ? Json
    : T extends object
      ? { [Key in keyof T]: Kept<T[Key]> }
      : T;

/** Declares a job. The function exists only to infer the types of `run` from the schemas. */
export function defineJob<Input extends z.ZodType, Result extends z.ZodType>(
  definition: JobDefinition<Input, Result>,
): JobDefinition<Input, Result> {
  return definition;
}
