/**
 * Validators: what an answer's JSON depends on, and nothing else. They are weak, as proxies that compress drop
 * strong ones (Envoy) or make them weak (nginx); others write the coding into any tag (Apache, Jetty, lighttpd).
 */
import { createHash } from 'node:crypto';

const begin = 'W/"';

/**
 * The digest tells other bytes of the same version, from another build or from other jobs, apart.
 * @param content what tells the bytes that are sent from others
 */
export function entityTag(content: string, version: number | string): string {
  return `${begin}json-${digest(content, 16)}-${version}"`;
}

/** In base64url: 6 bits a character. */
export function digest(text: string, length: number): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, length);
}

/**
 * Whether an If-None-Match header names the entity: a list, weak comparison, `*` for anything (RFC 9110, 13.1.2). A
 * tag that says besides how a proxy has coded the answer names it too: with weak tags its bytes need not be the same.
 * @param etag one of `entityTag`
 */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || isAnything(ifNoneMatch)) return true;
  const own = etag.slice(begin.length, -1);
  return [...ifNoneMatch.matchAll(/"([^"]*)"/g)].some(([, tag = '']) => isSame(tag, own));
}

export function isAnything(ifNoneMatch: string): boolean {
  return ifNoneMatch.trim() === '*';
}

/** `-gzip`, `--gzip`, `;br` …; more than one where several proxies stand in a row. */
const codings = /^(?:(?:--?|[;:.+])(?:x-)?(?:gzip|br|zstd|deflate|compress|dcb|dcz))+$/i;
const maxCodingsLength = 40;

function isSame(tag: string, own: string): boolean {
  if (!tag.startsWith(own)) return false;
  const rest = tag.slice(own.length);
  return rest === '' || (rest.length <= maxCodingsLength && codings.test(rest));
}

/** The versions that the tags of the header name, however they were altered behind that, and whichever process sent them. */
export function versionsIn(ifNoneMatch: string): string[] {
  return [...ifNoneMatch.matchAll(/json-[\w-]{16}-(\d{1,15}(?:\.[\w-]{12})?)(?!\d)/g)].map(
    ([, version = '']) => version,
  );
}
