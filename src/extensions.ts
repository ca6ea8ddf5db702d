/**
 * Loads the extensions of the jobs that come with Headway, each from the folder of its job. They run in the
 * parent.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ApiExtension } from './api/extension.ts';
import type { ExplainedRules } from './doctor/violations.ts';
import { ownJobFolders } from './jobs/registry.ts';
import type { Sweep } from './tasks/upkeep/sweeper.ts';

/** The default export of `src/jobs/<job>/extension.ts`. */
export interface Extension extends ApiExtension {
  /** Deletes data that the job has left behind and that nobody needs. */
  readonly sweep?: Sweep;
  /** The invariants of the job's own tables. */
  readonly invariants?: ExplainedRules;
}

/** Loads the extension of each job folder that has one. */
export async function loadExtensions(): Promise<Extension[]> {
  const extensions: Extension[] = [];
  for (const folder of await ownJobFolders()) {
    const name = (await readdir(folder)).find((file) => /^extension\.(ts|js)$/.test(file));
    if (name === undefined) continue;
    const module: { default: Extension } = await import(pathToFileURL(path.join(folder, name)).href);
    extensions.push(module.default);
  }
  return extensions;
}
