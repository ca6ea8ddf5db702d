/** The cluster on disk: created completely or not at all, and only used by the version that created it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../error-text.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { commandFor, type Identity } from './identity.ts';
import type { Layout } from './layout.ts';

/** Creates the cluster where there is none; refuses one of another major version. */
export async function prepareCluster(
  layout: Layout,
  identity: Identity,
  initdb: string,
  options: { readonly serverVersion: string; readonly isDurable: boolean },
): Promise<'created' | 'found'> {
  await removeHalfMade(layout);
  const found = await readVersion(layout);
  if (found === null) {
    await create(layout, identity, initdb, options.isDurable ? [] : ['--no-sync']);
    return 'created';
  }
  const major = /(\d+)/.exec(options.serverVersion)?.[1];
  if (found.trim() !== major) {
    throw new EmbeddedPostgresError(
      `The data in ${layout.cluster} was written by PostgreSQL ${found.trim()}, and this Headway brings ${major}: dump it with the older Headway and restore it, or move ${layout.root} away to begin anew.`,
    );
  }
  return 'found';
}

/** Whether there is a cluster. */
export async function hasCluster(layout: Layout): Promise<boolean> {
  return (await readVersion(layout)) !== null;
}

function readVersion(layout: Layout): Promise<string | null> {
  return readFile(path.join(layout.cluster, 'PG_VERSION'), 'utf8').catch(() => null);
}

/**
 * Creates the cluster in another folder and then renames it: an initdb that is killed half-way leaves no
 * cluster behind.
 */
async function create(
  layout: Layout,
  identity: Identity,
  initdb: string,
  flags: readonly string[],
): Promise<void> {
  const aside = path.join(layout.root, `new-${randomBytes(6).toString('hex')}`);
  // Everybody who can reach the socket is trusted, and only the folder's owner and root can reach it. initdb
  // itself ends with a sync of all that it wrote.
  const { file, args, options } = commandFor(identity, initdb, [
    ...['-D', aside, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--auth=trust', '--no-instructions'],
    ...flags,
  ]);
  try {
    await promisify(execFile)(file, args, { ...options, cwd: layout.root });
    await rename(aside, layout.cluster);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw new EmbeddedPostgresError(
      `PostgreSQL's data folder cannot be made in ${layout.root} (${lastLine(error)}): see that there are 100 MB of space, or set DATABASE_URL.`,
    );
  }
}

/**
 * Removes the folders of starts that were killed: this start holds the start lock, so no other is under way.
 * An initdb that has outlived its start may still write there and make this fail.
 */
async function removeHalfMade(layout: Layout): Promise<void> {
  for (const name of await readdir(layout.root)) {
    if (!name.startsWith('new-')) continue;
    // A folder that cannot be removed now does no harm, and the next start tries again.
    await rm(path.join(layout.root, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function lastLine(error: unknown): string {
  const stderr = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : '';
  const lines = stderr.split('\n').filter((line) => /error|fatal|could not/i.test(line));
  return lines.at(0)?.trim() ?? messageOf(error);
}
