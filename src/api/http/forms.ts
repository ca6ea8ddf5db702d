/** Text fields as HTML forms and query strings send them. */
import type { FastifyInstance } from 'fastify';
import { cleanseText } from '../../tasks/model/text.ts';
import { decodeUtf8 } from './json-body.ts';
import { fieldError, invalidFields } from './problems.ts';

export const maxFieldLength = 16 * 1024;
const maxFields = 50;

/** Fields by name. An empty field counts as absent, as browsers send also what nobody has filled in. */
export class Fields {
  private readonly values = new Map<string, string>();

  /** @throws {HttpProblem} 400 for a field that comes twice or is too long */
  add(givenName: string, value: string): void {
    const name = cleanseText(givenName);
    if (name.length > 200 || name === '__proto__')
      throw invalidFields([fieldError([name], 'is not a known field')]);
    if (value.length > maxFieldLength)
      throw invalidFields([fieldError([name], `is longer than ${maxFieldLength} characters`)]);
    if (this.values.has(name)) throw invalidFields([fieldError([name], 'is given more than once')]);
    if (this.values.size >= maxFields)
      throw invalidFields([fieldError([name], `is one of more than ${maxFields} fields`)]);
    if (value !== '') this.values.set(name, cleanseText(value));
  }

  addAll(parameters: Iterable<[string, string]>): void {
    for (const [name, value] of parameters) this.add(name, value);
  }

  toObject(): Record<string, string> {
    return Object.fromEntries(this.values);
  }
}

/** Lets the routes of this scope take urlencoded forms; the default size is enough for a few short fields. */
export function takeForms(scope: FastifyInstance, { maxBytes = 1024 } = {}): void {
  scope.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer', bodyLimit: maxBytes },
    async (_request: unknown, body: Buffer) => parseForm(body),
  );
}

/** An urlencoded form. */
export function parseForm(body: Buffer): Record<string, string> {
  const fields = new Fields();
  fields.addAll(new URLSearchParams(decodeUtf8(body)));
  return fields.toObject();
}

/** The query string of a URL. */
export function queryOf(url: string): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
}
