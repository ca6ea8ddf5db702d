/**
 * Copies values of code, mostly of jobs, before they become JSON. A value that JSON would lose or garble is
 * refused with its path.
 */
import { cleanseText } from './text.ts';

type Path = readonly PropertyKey[];

/**
 * Thrown for a value that JSON cannot express. The message says where the value is and what it is. If reading
 * the value threw an error, that error is the cause.
 */
export class NotJson extends Error {
  override name = 'NotJson';
}

/**
 * Copies a value as `JSON.stringify` would write it, without the characters that PostgreSQL refuses. A value
 * with a `toJSON`, such as a Date, becomes its result, and fields that are undefined are left out. But unlike
 * `JSON.stringify`, it never turns a value into `null` or `{}`.
 * @param root the name of the value in messages, such as `result`
 * @throws {NotJson}
 */
export function jsonCopy(value: unknown, root: string): unknown {
  const place: Place = { path: [], ancestors: [] };
  try {
    return copy(unwrapped(value, place), place);
  } catch (error) {
    const where = pathText(root, place.path);
    if (place.unfit !== undefined) throw new NotJson(`${where} is ${place.unfit}`);
    // Getters, proxies and `toJSON` are code of the job, which may throw anything. Very deep values overflow
    // the stack.
    throw new NotJson(`${where} cannot be read`, { cause: error });
  }
}

/** A path as code would write it: `result.rows[3].when`. */
export function pathText(root: string, path: Path): string {
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`;
    const name = cleanseText(String(step));
    return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
  });
  return `${root}${steps.join('')}`;
}

/**
 * The current place of a copy. There is one object for the whole copy; after an error it still names the
 * place.
 */
interface Place {
  readonly path: PropertyKey[];
  readonly ancestors: object[];
  /** Describes the value there, if JSON cannot express it. */
  unfit?: string;
}

function copy(value: unknown, place: Place): unknown {
  switch (typeof value) {
    case 'string':
      return cleanseText(value);
    case 'boolean':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      return refuse(place, String(value));
    case 'object':
      return value === null ? null : copyObject(value, place);
    case 'undefined':
      return refuse(place, 'undefined', '; let it be null');
    case 'bigint':
      return refuse(place, 'a BigInt');
    default:
      return refuse(place, `a ${typeof value}`);
  }
}

function refuse(place: Place, kind: string, hint = ''): never {
  place.unfit = `${kind}, which JSON cannot express${hint}`;
  throw new Error(place.unfit);
}

/**
 * The value that replaces a value in JSON: the result of its `toJSON`, or the primitive value in a wrapper
 * object.
 */
function unwrapped(value: unknown, place: Place): unknown {
  if (typeof value !== 'bigint' && (typeof value !== 'object' || value === null)) return value;
  if (value instanceof Date && Number.isNaN(value.getTime())) refuse(place, 'an invalid Date');
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return toJSON.call(value, String(place.path.at(-1) ?? ''));
  const isAround = value instanceof Number || value instanceof String || value instanceof Boolean;
  return isAround ? value.valueOf() : value;
}

function copyObject(value: object, place: Place): object {
  const { ancestors } = place;
  if (ancestors.includes(value)) refuse(place, 'circular');
  ancestors.push(value);
  const copied = Array.isArray(value) ? copyItems(value, place) : copyFields(value, place);
  ancestors.pop();
  return copied;
}

function copyItems(items: readonly unknown[], place: Place): unknown[] {
  const copied: unknown[] = [];
  for (let index = 0; index < items.length; index += 1) {
    place.path.push(index);
    copied.push(copy(unwrapped(items[index], place), place));
    place.path.pop();
  }
  return copied;
}

function copyFields(value: object, place: Place): object {
  const fields = Object.entries(value);
  if (isOpaque(value, fields.length)) refuse(place, kindOf(value));
  const copied: [string, unknown][] = [];
  for (const [key, field] of fields) {
    place.path.push(key);
    const item = unwrapped(field, place);
    if (item !== undefined) copied.push([cleanseText(key), copy(item, place)]);
    place.path.pop();
  }
  return Object.fromEntries(copied);
}

/**
 * Whether JSON would lose the content of an object: a Map, a RegExp, bytes, or an object with only private
 * fields.
 */
function isOpaque(value: object, fields: number): boolean {
  if (ArrayBuffer.isView(value) || value instanceof Error) return true;
  if (fields > 0) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object's prototype has no prototype itself. (A comparison with Object.prototype would refuse
  // plain objects of another realm.)
  return prototype !== null && Object.getPrototypeOf(prototype) !== null;
}

function kindOf(value: object): string {
  const name = typeof value.constructor === 'function' ? value.constructor.name || 'object' : 'object';
  return `${/^[aeio]/i.test(name) ? 'an' : 'a'} ${name}`;
}
