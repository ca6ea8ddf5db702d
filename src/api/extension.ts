/**
 * What a job that comes with Headway adds to the pages and routes of the service. Only `src/extensions.ts` collects
 * extensions: they run in the parent, behind its guard, and are no part of what jobs of others may use.
 */
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from './context.ts';

export interface ApiExtension {
  /** The type of the job. */
  readonly type: string;
  /** The form on the start page by which people submit such a task. */
  renderForm?(view: FormView): string;
  /** URI templates (RFC 6570) that the start names to programs, by relation. */
  readonly links?: Readonly<Record<string, string>>;
  /** The result on the task's page; undefined where it has another shape, as that of an older version may. */
  renderResult?(result: unknown, link: string | undefined): string | undefined;
  /** A file for people who have none at hand. */
  readonly sample?: Sample;
  /** What the form calls its fields, by their names. */
  readonly fieldLabels?: Readonly<Record<string, string>>;
  addRoutes?(app: FastifyInstance, context: ApiContext): void;
}

export interface FormView {
  readonly maxUploadBytes: number;
}

/** A built-in file. */
export interface Sample {
  readonly name: string;
  readonly contentType: string;
  chunks(): Iterable<Buffer>;
}

/** The extensions of the jobs that the service runs, by type. */
export type ApiExtensions = ReadonlyMap<string, ApiExtension>;
