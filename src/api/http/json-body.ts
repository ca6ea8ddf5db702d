/** Parses JSON bodies strictly, and refuses values that no honest client sends. */
import { cleanseText } from '../../tasks/model/text.ts';
import { fieldError, HttpProblem, invalidFields } from './problems.ts';

const maxDepth = 64;

/** @throws {HttpProblem} 400 that says what is wrong, and where */
export function parseJsonBody(body: Buffer): unknown {
  // Where no body is needed, some clients announce JSON and send nothing.
  if (body.length === 0) return undefined;
  const text = decodeUtf8(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HttpProblem('invalid-request', `The body is not valid JSON: ${(error as Error).message}`);
  }
  checkValues(value);
  return value;
}

/** @throws {HttpProblem} 400 for bytes that are no UTF-8 */
export function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new HttpProblem('invalid-request', 'The body is not valid UTF-8.');
  }
}

type Path = (string | number)[];

/** May recurse, as the depth is limited: a megabyte of brackets is refused long before the stack is full. */
function checkValues(value: unknown, path: Path = []): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw refusal(path, 'is too large a number');
  if (typeof value !== 'object' || value === null) return;
  if (path.length === maxDepth) throw refusal(path, `is nested more than ${maxDepth} levels deep`);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) checkItem(value[index], index, path);
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    // Also with NUL characters in it: PostgreSQL refuses them, so they are removed from what is stored.
    if (key === '__proto__' || (key.includes('\0') && cleanseText(key) === '__proto__')) {
      throw refusal([...path, key], 'is not a known field');
    }
    checkItem(item, key, path);
  }
}

/** One array serves as path for the whole walk, as a body may have half a million values. */
function checkItem(value: unknown, key: string | number, path: Path): void {
  path.push(key);
  checkValues(value, path);
  path.pop();
}

function refusal(path: Path, message: string): HttpProblem {
  return invalidFields([fieldError(path, message)]);
}
