/**
 * Looks at a job's schemas without parsing: finds parts that JSON cannot express, and tells whether a stored
 * result fits.
 */
import type { z } from 'zod';
import { pathText } from '../tasks/model/json.ts';

type Schema = z.core.$ZodType;
type Step = readonly [steps: readonly PropertyKey[], part: Schema];

/** The kinds of value that JSON cannot express, by zod's names. */
const unfit: Readonly<Record<string, string>> = {
  bigint: 'a BigInt',
  date: 'a Date',
  file: 'a File',
  function: 'a function',
  map: 'a Map',
  nan: 'NaN',
  set: 'a Set',
  symbol: 'a symbol',
  undefined: 'undefined',
  void: 'undefined',
};

/**
 * Finds a part of a result's schema that allows a value which JSON cannot express, and names its place and
 * kind. A Date is allowed: it is stored as text.
 */
export function unfitResult(schema: z.ZodType): string | undefined {
  const kindOf = (def: Definition, path: readonly PropertyKey[]) => {
    // A field that is undefined is left out of the JSON, but neither a whole result nor an item of a list can be.
    if (def.type === 'undefined' || def.type === 'void')
      return path.length === 0 || typeof path.at(-1) === 'number' ? unfit.undefined : undefined;
    if (def.type === 'literal') return def.values.some(isBigInt) ? unfit.bigint : undefined;
    return def.type === 'date' ? undefined : unfit[def.type];
  };
  return findUnfit(schema, 'result', kindOf, partsOfResult);
}

/**
 * Finds a part that an input's schema requires and that no input can have, because inputs come from JSON.
 * What a schema itself makes of an input, by `z.coerce`, a pipe or a default, may be of any kind.
 */
export function unfitInput(schema: z.ZodType): string | undefined {
  const kindOf = (def: Definition, path: readonly PropertyKey[]) => {
    if (def.type === 'undefined' || def.type === 'void')
      return path.length === 0 ? unfit.undefined : undefined;
    if (def.type === 'literal') return def.values.every(isBigInt) ? unfit.bigint : undefined;
    return 'coerce' in def && def.coerce === true ? undefined : unfit[def.type];
  };
  return findUnfit(schema, 'input', kindOf, partsOfInput);
}

function isBigInt(value: unknown): boolean {
  return typeof value === 'bigint';
}

type Definition = z.core.$ZodTypes['_zod']['def'];

function findUnfit(
  schema: Schema,
  root: string,
  kindOf: (def: Definition, path: readonly PropertyKey[]) => string | undefined,
  partsOf: (def: Definition) => Generator<Step>,
): string | undefined {
  // A schema may contain itself.
  const seen = new Set<Schema>();
  const find = (at: Schema, path: readonly PropertyKey[]): string | undefined => {
    if (seen.has(at)) return undefined;
    seen.add(at);
    const def = definitionOf(at);
    const kind = kindOf(def, path);
    if (kind !== undefined) return `${pathText(root, path)} is ${kind}`;
    // A union takes what any of its options takes, so that an input fails only where each of them is unfit.
    if (root === 'input' && def.type === 'union') {
      const found = def.options.map((option) => find(option, path));
      return found.includes(undefined) ? undefined : found[0];
    }
    for (const [steps, part] of partsOf(def)) {
      const found = find(part, [...path, ...steps]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return find(schema, []);
}

/** The parts that every value has, both before and after it is parsed. */
function* sureParts(def: Definition): Generator<Step> {
  switch (def.type) {
    case 'object':
      for (const [key, part] of Object.entries(def.shape)) yield [[key], part];
      break;
    case 'promise':
      yield [[], def.innerType];
      break;
    case 'array':
      yield [[0], def.element];
      break;
    case 'tuple':
      for (const [index, part] of def.items.entries()) yield [[index], part];
      break;
    case 'record':
      yield [['*'], def.valueType];
      break;
    case 'intersection':
      yield [[], def.left];
      yield [[], def.right];
      break;
    case 'lazy':
      yield [[], def.getter()];
      break;
    case 'readonly':
    case 'nonoptional':
      yield [[], def.innerType];
  }
}

function* partsOfInput(def: Definition): Generator<Step> {
  yield* sureParts(def);
  // A preprocessing takes values of any kind: only its code knows which.
  if (def.type === 'pipe' && def.in._zod.def.type !== 'transform') yield [[], def.in];
}

function* partsOfResult(def: Definition): Generator<Step> {
  yield* sureParts(def);
  switch (def.type) {
    case 'object':
      if (def.catchall) yield [['*'], def.catchall];
      break;
    case 'tuple':
      if (def.rest) yield [[def.items.length], def.rest];
      break;
    case 'pipe':
      yield [[], def.out];
      break;
    case 'union':
      for (const option of def.options) yield [[], option];
      break;
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'catch':
      yield [[], def.innerType];
  }
}

/**
 * Whether a stored result may have been returned by the schema. Nothing is parsed, so that no transform runs
 * twice.
 */
export function looksLike(schema: Schema, value: unknown): boolean {
  const def = definitionOf(schema);
  switch (def.type) {
    case 'string':
    case 'template_literal':
    case 'date':
      return typeof value === 'string';
    case 'number':
    case 'boolean':
      return typeof value === def.type;
    case 'null':
      return value === null;
    case 'undefined':
    case 'void':
      return value === undefined;
    case 'literal':
      return def.values.some((literal) => literal === value);
    case 'enum':
      return Object.values(def.entries).some((entry) => entry === value);
    case 'object':
      return isObject(value) && Object.entries(def.shape).every(([key, part]) => looksLike(part, value[key]));
    case 'record':
      return isObject(value) && Object.values(value).every((item) => looksLike(def.valueType, item));
    case 'array':
      return Array.isArray(value) && value.every((item) => looksLike(def.element, item));
    case 'tuple':
      return Array.isArray(value) && def.items.every((item, index) => looksLike(item, value[index]));
    case 'union':
      return def.options.some((option) => looksLike(option, value));
    case 'intersection':
      return looksLike(def.left, value) && looksLike(def.right, value);
    case 'optional':
      return value === undefined || looksLike(def.innerType, value);
    case 'nullable':
      return value === null || looksLike(def.innerType, value);
    case 'default':
    case 'prefault':
    case 'catch':
    case 'readonly':
    case 'nonoptional':
      return looksLike(def.innerType, value);
    case 'pipe':
      return looksLike(def.out, value);
    case 'lazy':
      return looksLike(def.getter(), value);
    default:
      // A value from a transform, or of a kind that only the job's code knows: it may be anything.
      return true;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The definition of a schema. The cast is safe: every schema of zod is of one of these types. */
function definitionOf(schema: Schema): Definition {
  return (schema as z.core.$ZodTypes)._zod.def;
}
