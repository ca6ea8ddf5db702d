/** Validators: what an answer's JSON depends on, and nothing else. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { projectDir } from '../../config.ts';

/** Another build may write another body for the same version. */
const build = (JSON.parse(readFileSync(path.join(projectDir, 'package.json'), 'utf8')) as { version: string })
  .version;

/** Strong: every process of this build sends the same bytes under it. */
export function taskEtag(version: number): string {
  return `"json-${build}-${version}"`;
}

/** One tag over many tasks: `parts` names each with its version, in the order in which they are sent. */
export function collectionEtag(parts: readonly string[]): string {
  const digest = createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 22);
  return `"json-${build}-${digest}"`;
}

/** Whether an If-None-Match header names the entity: a list, weak comparison, `*` for anything (RFC 9110, 13.1.2). */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  return [...ifNoneMatch.matchAll(/(?:W\/)?("[^"]*")/g)].some((match) => match[1] === etag);
}

/** The newest version of a task that the client has seen, of whichever process and build; 0 for none. */
export function versionIn(ifNoneMatch: string | undefined): number {
  if (ifNoneMatch === undefined) return 0;
  const tags = ifNoneMatch.matchAll(/"json-[^"]*-(\d{1,10})"/g);
  return Math.max(0, ...[...tags].map((match) => Number(match[1])));
}
