/** Content-Disposition: the name of a form's part, and of the file in it. */
import { cleanseText } from '../../tasks/model/text.ts';

export interface ContentDisposition {
  /** `form-data`, `attachment`, … in lower case. */
  readonly type: string;
  readonly name: string | undefined;
  readonly filename: string | undefined;
}

/** Each character of a quoted value matches in only one way: with two ways, 60 backslashes would take hours. */
const parameter = /;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\["\\]|\\(?!["\\]))*)"|([^\s;"]*))/g;

/** Never throws: a parameter that cannot be read is absent. */
export function parseContentDisposition(header: string): ContentDisposition {
  const parameters = new Map<string, string>();
  for (const [, key = '', quoted, token] of header.matchAll(parameter)) {
    const name = key.toLowerCase();
    // Only these two are escapes: old browsers send whole paths with single backslashes.
    const value = quoted === undefined ? (token ?? '') : quoted.replaceAll(/\\(["\\])/g, '$1');
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return {
    type: (header.split(';')[0] ?? '').trim().toLowerCase(),
    name: parameters.get('name'),
    filename: extended(parameters.get('filename*')) ?? parameters.get('filename'),
  };
}

/** `filename*=UTF-8''na%C3%AFve.txt` (RFC 8187). */
function extended(value: string | undefined): string | undefined {
  const encoded = /^utf-8'[^']*'(.*)$/i.exec(value ?? '')?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

const maxNameLength = 200;

/** The last part of what may be a path, without control characters. Empty where nothing is left. */
export function baseName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const printable = cleanseText(last)
    .replaceAll(/\p{Cc}/gu, '')
    .trim();
  return /^\.*$/.test(printable) ? '' : Array.from(printable).slice(0, maxNameLength).join('');
}
