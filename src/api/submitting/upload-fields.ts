/** The fields that come with a file: options of the submit, and input of the job. */

import type { JobDefinition, JobUpload } from '../../jobs/define-job.ts';
import { describeThrown } from '../../jobs/thrown.ts';
import { jsonCopy, NotJson } from '../../tasks/model/json.ts';
import type { Sample } from '../extension.ts';
import { baseName } from '../http/content-disposition.ts';
import type { Fields } from '../http/forms.ts';
import { fieldError, invalidFields, invalidInput } from '../http/problems.ts';
import { type CheckedInput, checkInput, jobFault, type SubmitOptions, submitOptions } from './submission.ts';

export interface UploadFields {
  readonly options: SubmitOptions;
  /** The job's own fields. */
  readonly input: Readonly<Record<string, string>>;
  /** The file's name, where a field gives it. */
  readonly filename: string | undefined;
  /** The built-in sample, where it is to be used instead of a file. */
  readonly sample: Sample | undefined;
}

/**
 * @param builtIn the sample of the job, where it has one
 * @throws {HttpProblem} 400 with the path of what is wrong
 */
export function readFields(fields: Fields, builtIn: Sample | undefined): UploadFields {
  const { key, group, title, onConflict, filename, ...rest } = fields.toObject();
  const given = { key, group, title, onConflict };
  const options = submitOptions.safeParse(
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  );
  if (!options.success) throw invalidInput(options.error);
  const common = { options: options.data, filename: filename === undefined ? undefined : baseName(filename) };
  if (!builtIn) return { ...common, input: rest, sample: undefined };

  const { sample, ...input } = rest;
  if (sample !== undefined && sample !== '1') {
    throw invalidFields([fieldError(['sample'], 'must be 1, or be left out')]);
  }
  return { ...common, input, sample: sample === undefined ? undefined : builtIn };
}

export interface FileFacts {
  readonly id: string;
  readonly name: string;
  readonly sha256: string;
}

/** Stands in for a file that has not come yet, so that everything else is checked first. */
export const fileToCome: FileFacts = {
  id: '00000000-0000-4000-8000-000000000000',
  name: 'file',
  sha256: '0'.repeat(64),
};

/** Checks the job's input together with the file. */
export function checkUploadInput(
  definition: JobDefinition,
  upload: JobUpload,
  { input }: UploadFields,
  file: FileFacts,
): Promise<CheckedInput> {
  if (Object.hasOwn(input, upload.field)) {
    throw invalidFields([fieldError([upload.field], 'must be a file, not text')]);
  }
  const whole = { ...defaultsFor(definition, upload, file), ...input, [upload.field]: file.id };
  return checkInput(definition, whole, []);
}

/**
 * The input that the job's own code derives from the file.
 * @throws {HttpProblem} 500 that blames the job, when its code throws or does not return a JSON object
 */
function defaultsFor(definition: JobDefinition, upload: JobUpload, { name, sha256 }: FileFacts): object {
  let given: unknown;
  try {
    given = jsonCopy(upload.defaults?.({ name, sha256 }) ?? {}, 'upload.defaults()');
  } catch (error) {
    const words =
      error instanceof NotJson
        ? error.message
        : `upload.defaults() has thrown: ${describeThrown(error).message}`;
    throw jobFault(definition, `its ${words}`, error);
  }
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given;
  throw jobFault(definition, 'its upload.defaults() did not return an object');
}
