/** Turns a job's result into JSON. */
import type { JobDefinition } from '../define-job.ts';
import { PermanentError } from '../errors.ts';
import { describeIssues } from '../issues.ts';
import { encodeJson } from '../json.ts';
import { describeThrown } from '../thrown.ts';

export const maxResultBytes = 1024 * 1024;
const errorCode = 'invalid_result';

/**
 * Parses a result by the job's schema, and returns what the schema makes of it as JSON text. The stored
 * result is never parsed again.
 * @throws {PermanentError} that says what is wrong with the result: another try would not mend it
 */
export async function encodeResult(definition: JobDefinition, result: unknown): Promise<string> {
  const parsed = await definition.result.safeParseAsync(result).catch((error: unknown) => {
    const { message } = describeThrown(error);
    throw new PermanentError(`The schema of the job's result failed: ${message}`, {
      code: errorCode,
      cause: error,
    });
  });
  if (!parsed.success) {
    const issues = describeIssues(parsed.error, 'result');
    throw new PermanentError(`The job's result does not fit the schema that the job declares: ${issues}`, {
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
