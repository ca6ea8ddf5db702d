/** Turns the values that a job stores, its checkpoints and its result, into JSON. */
import { jsonCopy, NotJson } from '../tasks/model/json.ts';
import { PermanentError } from './errors.ts';
import { describeThrown } from './thrown.ts';

export interface KeptAs {
  /** The name of the value in error messages, where it begins a sentence. */
  readonly name: string;
  /** The beginning of paths into the value, in error messages. */
  readonly root: string;
  readonly maxBytes: number;
  /** The code of the error if the value cannot be stored. */
  readonly errorCode: string;
}

/**
 * Returns the value as JSON text that PostgreSQL accepts.
 * @throws {PermanentError} that says what is wrong with the value: another try would not mend it
 */
export function encodeJson(value: unknown, { name, root, maxBytes, errorCode }: KeptAs): string {
  const invalid = (words: string) => new PermanentError(`${name} ${words}`, { code: errorCode });
  let json: string;
  try {
    json = JSON.stringify(jsonCopy(value, root));
  } catch (error) {
    if (error instanceof NotJson) throw invalid(`cannot be stored: ${wordsOf(error)}`);
    throw error;
  }
  const bytes = Buffer.byteLength(json);
  if (bytes > maxBytes) throw invalid(`is ${bytes} bytes of JSON; at most ${maxBytes} can be stored`);
  return json;
}

function wordsOf({ message, cause }: NotJson): string {
  return cause === undefined ? message : `${message}: ${describeThrown(cause).message.split('\n')[0]}`;
}
