/**
 * What a job that comes with Headway adds to the pages and routes of the service. Only `src/extensions.ts`
 * collects extensions: they run in the parent, behind its guard, and are no part of the API for jobs of
 * others.
 */
import type { FastifyInstance } from 'fastify';
import type { Store } from '../tasks/store.ts';

export interface ApiExtension {
  /** The type of the job. */
  readonly type: string;
  /** The form on the start page with which people submit a task of this job. */
  renderForm?(view: FormView): string;
  /** URI templates (RFC 6570) that the JSON of the start page offers to programs, by relation. */
  readonly links?: Readonly<Record<string, string>>;
  /**
   * The result on the task's page; undefined if this code does not know its shape, perhaps of an older
   * version.
   */
  renderResult?(result: unknown, link: string | undefined): string | undefined;
  /** A built-in file for people who have no file at hand. */
  readonly sample?: Sample;
  /** The labels of the form's fields, by the names of the fields. */
  readonly fieldLabels?: Readonly<Record<string, string>>;
  addRoutes?(app: FastifyInstance, parts: { readonly store: Store }): void;
}

export interface FormView {
  readonly maxUploadBytes: number;
}

/** A built-in file that a person can submit instead of an upload. */
export interface Sample {
  readonly name: string;
  readonly contentType: string;
  chunks(): Iterable<Buffer>;
}

/** The extensions of the jobs that the service runs, by type. */
export type ApiExtensions = ReadonlyMap<string, ApiExtension>;
