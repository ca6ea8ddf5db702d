/** A job's result on its way to JSON. */
import { cleanseJson } from '../tasks/text.ts';
import type { JobDefinition } from './define-job.ts';
import { PermanentError } from './errors.ts';

export const maxResultBytes = 1024 * 1024;

/**
 * The result as JSON text, checked against the job's schema.
 * @throws {PermanentError} saying what is wrong with it: doing the work again would not mend it
 */
export function encodeResult(definition: JobDefinition, result: unknown): string {
  const parsed = definition.result.safeParse(result);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'result'}: ${issue.message}`,
    );
    throw invalid(`The job returned a result of another shape than it declares: ${issues.join('; ')}`);
  }
  const json = toJson(parsed.data);
  if (Buffer.byteLength(json) > maxResultBytes) {
    throw invalid(
      `The job's result is ${Buffer.byteLength(json)} bytes of JSON; at most ${maxResultBytes} can be kept`,
    );
  }
  return json;
}

function toJson(value: unknown): string {
  try {
    const json = JSON.stringify(value);
    if (json === undefined)
      throw invalid('The job returned undefined, which JSON cannot express; return null instead');
    return JSON.stringify(cleanseJson(JSON.parse(json)));
  } catch (error) {
    if (error instanceof PermanentError) throw error;
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw invalid(`The job's result cannot be expressed as JSON: ${reason}`);
  }
}

function invalid(message: string): PermanentError {
  return new PermanentError(message, { code: 'invalid_result' });
}
