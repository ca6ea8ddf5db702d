/** Anything that a job may throw, as the code and message that people are shown: never a stack. */
import { tellingError } from '../../database/error-text.ts';
import { cleanseAndCut } from '../../tasks/model/text.ts';

export interface ShownError {
  readonly code: string;
  readonly message: string;
}

export const maxErrorLength = 2000;

const codePattern = /^[A-Za-z0-9_.:-]{1,64}$/;

/**
 * Describes a thrown value. Never throws, whatever it is: a proxy, a revoked one, an error with hostile getters.
 * Where an error has no words of its own (`fetch failed`, an AggregateError), those behind its cause are told.
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

/** Binary messages stay one line of text: control characters other than line ends and tabs are replaced. */
function withoutControls(text: string): string {
  return text.slice(0, maxErrorLength * 2).replaceAll(/[^\P{Cc}\t\n\r]/gu, '\uFFFD');
}

function attempt<T>(describe: () => T): T | undefined {
  try {
    return describe();
  } catch {
    // The value fights being described; the caller has words for that.
    return undefined;
  }
}
