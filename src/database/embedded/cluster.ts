/**
 * The cluster on disk: created completely or not at all, and only used by the version that created it.
 *
 * initdb does not wait for the disk: its files are written there while the server already starts. Until they are,
 * a mark stands beside the cluster. Nobody relies on data of a marked cluster, because whoever starts the server
 * waits for `makeDurable` before he promises anything. So a marked cluster without a server is made anew: the
 * machine may have lost power, and PostgreSQL does not notice which files of initdb are missing.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../error-text.ts';
import type { Programs } from './binaries.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { commandFor } from './identity.ts';
import type { Layout } from './layout.ts';

/** Refuses a cluster of another major version. */
export async function checkVersion(layout: Layout, { version }: Pick<Programs, 'version'>): Promise<void> {
  const found = await readVersion(layout);
  const major = /(\d+)/.exec(version)?.[1];
  if (found === null || found.trim() === major) return;
  throw new EmbeddedPostgresError(
    `The data in ${layout.cluster} was written by PostgreSQL ${found.trim()}, and this Headway brings ${major}: dump it with the older Headway and restore it, or move ${layout.root} away to begin anew.`,
  );
}

/** Whether there is a cluster. */
export async function hasCluster(layout: Layout): Promise<boolean> {
  return (await readVersion(layout)) !== null;
}

function readVersion(layout: Layout): Promise<string | null> {
  return readFile(path.join(layout.cluster, 'PG_VERSION'), 'utf8').catch(() => null);
}

/** Removes what a start that was killed has left. No server runs, and this start holds the start lock. */
export async function removeHalfMade(layout: Layout): Promise<void> {
  if (await isMarked(layout)) await rm(layout.cluster, { recursive: true, force: true });
  for (const name of await readdir(layout.root)) {
    if (!name.startsWith('new-')) continue;
    // An initdb that has outlived its start may still write there and make this fail. A folder that cannot be
    // removed now does no harm, and the next start tries again.
    await rm(path.join(layout.root, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * Creates the cluster in another folder and then renames it: an initdb that is killed half-way leaves no
 * cluster behind.
 */
export async function createCluster(
  layout: Layout,
  { initdb, identity }: Programs,
  { isDurable }: { readonly isDurable: boolean },
): Promise<void> {
  const aside = path.join(layout.root, `new-${randomBytes(6).toString('hex')}`);
  // Everybody who can reach the socket is trusted, and only the folder's owner and root can reach it.
  const { file, args, options } = commandFor(identity, initdb, [
    ...['-D', aside, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--auth=trust'],
    ...['--no-instructions', '--no-sync'],
  ]);
  try {
    const marked = isDurable ? mark(layout) : Promise.resolve();
    // initdb looks for the name of the machine's time zone in hundreds of files if TZ does not say it. The server
    // is given UTC anyway.
    const made = promisify(execFile)(file, args, {
      ...options,
      env: { ...options.env, TZ: 'UTC' },
      cwd: layout.root,
    });
    await Promise.all([marked, made]);
    // Without waiting: while the service loads its code, each turn of the event loop may take long.
    renameSync(aside, layout.cluster);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw new EmbeddedPostgresError(
      `PostgreSQL's data folder cannot be made in ${layout.root} (${lastLine(error)}): see that there are 100 MB of space, or set DATABASE_URL.`,
    );
  }
}

/** Resolves when a machine that loses its power keeps the cluster. A server may run in it. */
export async function makeDurable(layout: Layout, findPrograms: () => Promise<Programs>): Promise<void> {
  if (!(await isMarked(layout))) return;
  const { initdb, identity } = await findPrograms();
  const { file, args, options } = commandFor(identity, initdb, ['--sync-only', '-D', layout.cluster]);
  try {
    await promisify(execFile)(file, args, { ...options, cwd: layout.root });
    await rm(layout.unsynced);
    // Makes both durable: that the cluster has its name, and that it is whole.
    await syncFolder(layout.root);
  } catch (error) {
    throw new EmbeddedPostgresError(
      `PostgreSQL's data folder ${layout.cluster} cannot be written to the disk (${lastLine(error)}): see that there is space and that the disk is sound, or set DATABASE_URL.`,
    );
  }
}

function isMarked(layout: Layout): Promise<boolean> {
  return stat(layout.unsynced).then(
    () => true,
    () => false,
  );
}

async function mark(layout: Layout): Promise<void> {
  await writeFile(layout.unsynced, '');
  await syncFolder(layout.root);
}

/** Makes the names in a folder durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function lastLine(error: unknown): string {
  const stderr = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : '';
  const lines = stderr.split('\n').filter((line) => /error|fatal|could not/i.test(line));
  return lines.at(0)?.trim() ?? messageOf(error);
}
