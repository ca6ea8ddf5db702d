/** What a job file exports: its type, the shapes of its input and result, its limits, and its code. */
import type { z } from 'zod';
import type { TaskContext } from './task-context.ts';

export interface JobDefinition<Input extends z.ZodType = z.ZodType, Result extends z.ZodType = z.ZodType> {
  /** The job's name in URLs and rows: lower-case letters, digits and hyphens. */
  readonly type: string;
  /**
   * Parses what was sent: at the submit, and again by each attempt. So it must always make the same of the same: no
   * default that draws lots or asks the clock. Transforms and asynchronous refinements are welcome.
   */
  readonly input: Input;
  /** Parses what the job returns, once; a result of another shape fails the task. What it makes of it is kept as JSON. */
  readonly result: Result;
  /** What people see on the page; the type by default. */
  readonly title?: (input: z.output<Input>) => string;
  /** A name derived from the input: submits with the same name are one task. Only where the submitter gives none. */
  readonly key?: (input: z.output<Input>) => string | undefined;
  /** How many failures end the task (default 3). */
  readonly maxAttempts?: number;
  /** How long one attempt may take (default 3600 s). */
  readonly timeoutSeconds?: number;
  /** How many attempts of this type one runner runs at a time (default: as many as it has slots). */
  readonly concurrency?: number;
  /** Runs in a process of its own, for work that computes rather than waits (default false). */
  readonly isolated?: boolean;
  /** Wait before try n + 1, before jitter: `seconds * 2 ** (n - 1)`, at most `maxSeconds` (defaults 1 and 300). */
  readonly backoff?: { readonly seconds: number; readonly maxSeconds: number };
  /** How long its finished tasks are kept, in days; parts of a day are allowed (default: `HEADWAY_RETENTION_DAYS`). */
  readonly retentionDays?: number;
  /** For a job that takes a file: the field of its input that receives the id of the upload. */
  readonly upload?: JobUpload;
  /** The URL of what a result, as it is kept, stands for: a path of this service or http(s). Page and JSON link to it. */
  readonly resultLink?: (result: Kept<z.output<Result>>) => string;
  readonly run: (input: z.output<Input>, task: TaskContext) => Promise<z.input<Result>> | z.input<Result>;
}

export interface JobUpload {
  readonly field: string;
  /** Accepted media types of a raw body; `application/octet-stream` always is. */
  readonly contentTypes: readonly string[];
  /** Input fields that the file itself gives where the submitter did not name them. */
  readonly defaults?: (file: { name: string; sha256: string }) => Record<string, unknown>;
}

/** A value as it comes back from JSON: what has a `toJSON`, such as a Date, is what that said. */
export type Kept<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends { toJSON(): infer Json }
    ? Json
    : T extends object
      ? { [Key in keyof T]: Kept<T[Key]> }
      : T;

/** Declares a job. It exists to infer the types of `run` from the schemas. */
export function defineJob<Input extends z.ZodType, Result extends z.ZodType>(
  definition: JobDefinition<Input, Result>,
): JobDefinition<Input, Result> {
  return definition;
}
