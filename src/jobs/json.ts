/** What a job hands over to be kept, its checkpoints and its result, as JSON. */
import { jsonCopy, NotJson } from '../tasks/model/json.ts';
import { describeThrown } from './attempt/thrown.ts';
import { PermanentError } from './errors.ts';

export interface KeptAs {
  /** What it is called where it begins a sentence. */
  readonly name: string;
  /** What paths into it begin with. */
  readonly root: string;
  readonly maxBytes: number;
  /** The code of the error where it cannot be kept. */
  readonly errorCode: string;
}

/**
 * The value as JSON text that PostgreSQL takes.
 * @throws {PermanentError} saying what is wrong with it: doing the work again would not mend it
 */
export function encodeJson(value: unknown, { name, root, maxBytes, errorCode }: KeptAs): string {
  const invalid = (words: string) => new PermanentError(`${name} ${words}`, { code: errorCode });
  let json: string;
  try {
    json = JSON.stringify(jsonCopy(value, root));
  } catch (error) {
    if (error instanceof NotJson) throw invalid(`cannot be kept: ${wordsOf(error)}`);
    throw error;
  }
  const bytes = Buffer.byteLength(json);
  if (bytes > maxBytes) throw invalid(`is ${bytes} bytes of JSON; at most ${maxBytes} can be kept`);
  return json;
}

function wordsOf({ message, cause }: NotJson): string {
  return cause === undefined ? message : `${message}: ${describeThrown(cause).message.split('\n')[0]}`;
}
