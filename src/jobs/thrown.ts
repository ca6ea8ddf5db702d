/** Turns anything that a job may throw into a code and a message for people; never a stack. */
import { tellingError } from '../database/error-text.ts';
import { cleanseAndCut } from '../tasks/model/text.ts';

export interface ShownError {
  readonly code: string;
  readonly message: string;
}

export const maxErrorLength = 2000;

const codePattern = /^[A-Za-z0-9_.:-]{1,64}$/;

/**
 * Describes a thrown value. Never throws itself, even for a revoked proxy or an error whose getters throw.
 * The message of the error's cause is added where the error itself explains nothing (`fetch failed`,
 * AggregateError).
 */
export function describeThrown(thrown: unknown): ShownError {
  const telling = attempt(() => tellingError(thrown)) ?? thrown;
  const words = [...new Set([thrown, telling])].map((error) => attempt(() => messageOf(error))?.trim());
  const message = words.filter((text) => text !== undefined && text !== '').join(': ');
  return {
    code: attempt(() => codeOf(thrown)) ?? attempt(() => codeOf(telling)) ?? 'job_error',
    message: message === '' ? 'The job failed without a message' : cleanseAndCut(message, maxErrorLength),
  };
}

function messageOf(thrown: unknown): string {
  if (
    typeof thrown === 'object' &&
    thrown !== null &&
    'message' in thrown &&
    typeof thrown.message === 'string'
  ) {
    return cleanseAndCut(withoutControls(thrown.message), maxErrorLength);
  }
  if (typeof thrown === 'object' && thrown !== null && !(thrown instanceof Error)) {
    return cleanseAndCut(withoutControls(JSON.stringify(thrown) ?? String(thrown)), maxErrorLength);
  }
  return cleanseAndCut(withoutControls(String(thrown)), maxErrorLength);
}

function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  const { code } = thrown;
  return typeof code === 'string' && codePattern.test(code) ? code : undefined;
}

/** Replaces control characters, except tabs and line ends, as a message may contain binary data. */
function withoutControls(text: string): string {
  return text.slice(0, maxErrorLength * 2).replaceAll(/[^\P{Cc}\t\n\r]/gu, '\uFFFD');
}

function attempt<T>(describe: () => T): T | undefined {
  try {
    return describe();
  } catch {
    // The value throws when it is read; the caller has another text for this case.
    return undefined;
  }
}
