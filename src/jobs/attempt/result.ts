/** A job's result on its way to JSON. */
import type { JobDefinition } from '../define-job.ts';
import { PermanentError } from '../errors.ts';
import { describeIssues } from '../issues.ts';
import { encodeJson } from '../json.ts';

export const maxResultBytes = 1024 * 1024;
const errorCode = 'invalid_result';

/**
 * The result as JSON text, as the job's schema returns it: nothing parses it again.
 * @throws {PermanentError} saying what is wrong with it: doing the work again would not mend it
 */
export async function encodeResult(definition: JobDefinition, result: unknown): Promise<string> {
  const parsed = await definition.result.safeParseAsync(result);
  if (!parsed.success) {
    const issues = describeIssues(parsed.error, 'result');
    throw new PermanentError(`The job returned a result of another shape than it declares: ${issues}`, {
      code: errorCode,
    });
  }
  return encodeJson(parsed.data, {
    name: "The job's result",
    root: 'result',
    maxBytes: maxResultBytes,
    errorCode,
  });
}
