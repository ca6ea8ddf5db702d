/** Validators: what a task's JSON depends on, and nothing else. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { projectDir } from '../config.ts';

/** Another build may write another body for the same version. */
const build = (JSON.parse(readFileSync(path.join(projectDir, 'package.json'), 'utf8')) as { version: string })
  .version;

/** Strong: every process of this build sends the same bytes under it. */
export function taskEtag(version: number): string {
  return `"json-${build}-${version}"`;
}

/** Whether an If-None-Match header names the entity: a list, weak comparison, `*` for anything (RFC 9110, 13.1.2). */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  return [...ifNoneMatch.matchAll(/(?:W\/)?("[^"]*")/g)].some((match) => match[1] === etag);
}
