/**
 * Validators (ETags). They change exactly when an answer's JSON changes. They are weak, as proxies that
 * compress drop strong tags (Envoy) or make them weak (nginx). Other proxies write the content coding into
 * every tag (Apache, Jetty, lighttpd).
 */
import { createHash } from 'node:crypto';

const begin = 'W/"';

/**
 * The tag has a digest, too, as another build or other jobs may send other bytes for the same version.
 * @param content a text that differs whenever the bytes that are sent differ
 */
export function entityTag(content: string, version: number | string): string {
  return `${begin}json-${digest(content, 16)}-${version}"`;
}

/** In base64url: 6 bits a character. */
export function digest(text: string, length: number): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, length);
}

/**
 * Whether an If-None-Match header names the entity: a list, weak comparison, `*` for anything (RFC 9110,
 * 13.1.2). A tag to which a proxy has added its content coding names the entity too: weak tags do not promise
 * equal bytes.
 * @param etag made by `entityTag`
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

/** What proxies add to a tag: `-gzip`, `--gzip`, `;br` …; several where several proxies stand in a row. */
const codings = /^(?:(?:--?|[;:.+])(?:x-)?(?:gzip|br|zstd|deflate|compress|dcb|dcz))+$/i;
const maxCodingsLength = 40;

function isSame(tag: string, own: string): boolean {
  if (!tag.startsWith(own)) return false;
  const rest = tag.slice(own.length);
  return rest === '' || (rest.length <= maxCodingsLength && codings.test(rest));
}

/** The versions in the tags of the header, also in tags that proxies altered, or of other processes. */
export function versionsIn(ifNoneMatch: string): string[] {
  return [...ifNoneMatch.matchAll(/json-[\w-]{16}-(\d{1,15}(?:\.[\w-]{12})?)(?!\d)/g)].map(
    ([, version = '']) => version,
  );
}
