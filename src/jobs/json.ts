/** What a job hands over to be kept, its checkpoints and its result, as JSON. */
import { cleanseJson } from '../tasks/text.ts';
import { PermanentError } from './errors.ts';
import { describeThrown } from './thrown.ts';

export interface KeptAs {
  /** What it is called where it begins a sentence. */
  readonly name: string;
  readonly maxBytes: number;
  /** The code of the error where it cannot be kept. */
  readonly errorCode: string;
}

/**
 * The value as JSON text that PostgreSQL takes.
 * @throws {PermanentError} saying what is wrong with it: doing the work again would not mend it
 */
export function encodeJson(value: unknown, { name, maxBytes, errorCode }: KeptAs): string {
  const invalid = (words: string) => new PermanentError(`${name} ${words}`, { code: errorCode });
  let json: string | undefined;
  try {
    json = cleansedJson(value);
  } catch (error) {
    throw invalid(`cannot be expressed as JSON: ${describeThrown(error).message.split('\n')[0]}`);
  }
  if (json === undefined) throw invalid('is undefined, which JSON cannot express; let it be null');
  const bytes = Buffer.byteLength(json);
  if (bytes > maxBytes) throw invalid(`is ${bytes} bytes of JSON; at most ${maxBytes} can be kept`);
  return json;
}

/** Undefined for what JSON leaves out, such as a function. */
function cleansedJson(value: unknown): string | undefined {
  const json: string | undefined = JSON.stringify(value);
  return json === undefined ? undefined : JSON.stringify(cleanseJson(JSON.parse(json)));
}
