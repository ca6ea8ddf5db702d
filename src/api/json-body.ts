/** JSON bodies: parsed strictly, and refused where they hold what no honest client means. */
import { fieldError, HttpProblem, invalidFields } from './problems.ts';

const maxDepth = 64;

/** @throws {HttpProblem} 400 that says what is wrong and where */
export function parseJsonBody(body: Buffer): unknown {
  // Some clients announce JSON and send nothing where nothing is needed.
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

interface Place {
  readonly value: unknown;
  readonly key: string;
  readonly parent: Place | undefined;
  readonly depth: number;
}

/** Walks without recursion: a megabyte of brackets must not exhaust the stack, here or in anything that follows. */
function checkValues(root: unknown): void {
  const waiting: Place[] = [{ value: root, key: '', parent: undefined, depth: 0 }];
  for (let place = waiting.pop(); place; place = waiting.pop()) {
    const { value, key, depth } = place;
    if (key === '__proto__') throw refusal(place, 'is not a known field');
    if (typeof value === 'number' && !Number.isFinite(value)) throw refusal(place, 'is too large a number');
    if (typeof value !== 'object' || value === null) continue;
    if (depth === maxDepth) throw refusal(place, `is nested more than ${maxDepth} levels deep`);
    for (const [name, item] of Object.entries(value)) {
      waiting.push({ value: item, key: name, parent: place, depth: depth + 1 });
    }
  }
}

function refusal(place: Place, message: string): HttpProblem {
  const path: string[] = [];
  for (let at: Place | undefined = place; at?.parent; at = at.parent) path.unshift(at.key);
  return invalidFields([fieldError(path, message)]);
}
