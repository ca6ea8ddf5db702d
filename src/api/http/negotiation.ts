/** Which representation a client wants: JSON, or HTML if it prefers that, as browsers do (RFC 9110, 12.5.1). */
import { HttpProblem } from './problems.ts';

export type Representation = 'json' | 'html';

interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

/** Undefined when the client takes neither. */
export function representationFor(accept: string | undefined): Representation | undefined {
  // Nearly every program sends one of these, so they are not parsed.
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return 'json';
  const ranges = parseAccept(accept);
  // A header without any readable media range counts as absent.
  if (ranges.length === 0) return 'json';
  const json = bestMatch(ranges, 'application', 'json');
  const html = bestMatch(ranges, 'text', 'html');
  if (json.quality === 0 && html.quality === 0) return undefined;
  const prefersHtml =
    html.quality > json.quality || (html.quality === json.quality && html.specificity > json.specificity);
  return prefersHtml ? 'html' : 'json';
}

/** @throws {HttpProblem} 406 for a client that takes neither */
export function requireRepresentation(accept: string | undefined): Representation {
  const representation = representationFor(accept);
  if (representation !== undefined) return representation;
  throw new HttpProblem('not-acceptable', 'Ask for application/json or text/html.');
}

/**
 * For URLs that offer JSON only: a browser that prefers HTML gets JSON too.
 * @throws {HttpProblem} 406 for a client that takes neither
 */
export function requireJson(accept: string | undefined): void {
  if (representationFor(accept) === undefined) {
    throw new HttpProblem('not-acceptable', 'Ask for application/json.');
  }
}

/** For answers that no client is refused, whatever it accepts: problems, and the answers to forms. */
export function prefersHtml(accept: string | undefined): boolean {
  return representationFor(accept) === 'html';
}

/** The most specific range that covers the type decides, whatever its quality. */
function bestMatch(ranges: readonly MediaRange[], type: string, subtype: string) {
  let best = { specificity: -1, quality: 0 };
  for (const range of ranges) {
    const covers =
      (range.type === type && (range.subtype === subtype || range.subtype === '*')) ||
      (range.type === '*' && range.subtype === '*');
    if (!covers) continue;
    const specificity = Number(range.type !== '*') + Number(range.subtype !== '*');
    const isBetter =
      specificity > best.specificity || (specificity === best.specificity && range.quality > best.quality);
    if (isBetter) best = { specificity, quality: range.quality };
  }
  return best;
}

/** Elements that are not media ranges are skipped. */
function parseAccept(accept: string): MediaRange[] {
  return accept.split(',').flatMap((element) => {
    const [range = '', ...parameters] = element.split(';').map((part) => part.trim().toLowerCase());
    const match = /^([\w!#$%&'*+.^`|~-]+)\/([\w!#$%&'*+.^`|~-]+)$/.exec(range);
    return match ? [{ type: match[1] ?? '', subtype: match[2] ?? '', quality: qualityIn(parameters) }] : [];
  });
}

function qualityIn(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
  const value = weight?.slice(weight.indexOf('=') + 1).trim() ?? '';
  // A weight that cannot be read counts as absent.
  return /^(0(\.\d*)?|1(\.0*)?)$/.test(value) ? Number(value) : 1;
}
