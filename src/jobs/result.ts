/** A job's result on its way to JSON. */
import type { JobDefinition } from './define-job.ts';
import { PermanentError } from './errors.ts';
import { encodeJson } from './json.ts';

export const maxResultBytes = 1024 * 1024;
const errorCode = 'invalid_result';

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
    throw new PermanentError(
      `The job returned a result of another shape than it declares: ${issues.join('; ')}`,
      { code: errorCode },
    );
  }
  return encodeJson(parsed.data, { name: "The job's result", maxBytes: maxResultBytes, errorCode });
}
