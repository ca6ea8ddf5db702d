/** Validators: what an answer's JSON depends on, and nothing else. */
import { createHash } from 'node:crypto';

/** Strong: the digest tells other bytes of the same version, from another build or from other jobs, apart. */
export function taskEtag(version: number, text: string): string {
  return `"json-${digest(text)}-${version}"`;
}

/**
 * One tag over many tasks.
 * @param parts what tells the bytes of each, in the order in which they are sent
 * @param versions the sum of their versions
 */
export function collectionEtag(parts: readonly string[], versions: number): string {
  return `"json-${digest(parts.join('\n'))}-${versions}"`;
}

/** 96 bits. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/** Whether an If-None-Match header names the entity: a list, weak comparison, `*` for anything (RFC 9110, 13.1.2). */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  return [...ifNoneMatch.matchAll(/(?:W\/)?("[^"]*")/g)].some((match) => match[1] === etag);
}

/** The newest version that the client has seen, or the sum of several tasks', from whichever process; 0 for none. */
export function versionIn(ifNoneMatch: string | undefined): number {
  if (ifNoneMatch === undefined) return 0;
  const tags = ifNoneMatch.matchAll(/"json-[^"]*-(\d{1,15})"/g);
  return Math.max(0, ...[...tags].map((match) => Number(match[1])));
}
