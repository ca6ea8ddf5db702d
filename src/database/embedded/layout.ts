/** Where the embedded server keeps its files, and how it is reached. */
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { codeOf, messageOf } from '../error-text.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import type { PidFile } from './processes.ts';

/** The files of one embedded server. */
export interface Layout {
  /** Owned by the user that PostgreSQL runs as, closed to others; everything below lies in it. */
  readonly root: string;
  /** The cluster itself: what `postgres -D` is given. */
  readonly cluster: string;
  /** Exists while the cluster may not be whole on disk: see `cluster.ts`. */
  readonly unsynced: string;
  readonly log: string;
  /** Held exclusively by whoever starts or stops the server. */
  readonly startLock: string;
  /** Held shared by every Headway process that uses the server. */
  readonly usersLock: string;
}

/** Any number would do: the server listens on no port, and the number is only a part of its socket's name. */
export const port = 5432;

// The limit is 108 bytes on Linux and 104 on macOS, with the closing zero.
const longestSocketPath = 100;

/** Creates the data folder where it is missing. */
export async function prepareLayout(dataDir: string): Promise<Layout> {
  try {
    await mkdir(dataDir, { recursive: true });
    // The real path is the one name of the folder, however it was reached: processes are recognised by it.
    const home = await realpath(dataDir);
    const root = path.join(home, 'postgres');
    await mkdir(root, { recursive: true, mode: 0o700 });
    return {
      root,
      cluster: path.join(root, 'data'),
      unsynced: path.join(root, 'data.unsynced'),
      log: path.join(root, 'server.log'),
      startLock: path.join(root, 'start.lock'),
      usersLock: path.join(root, 'users.lock'),
    };
  } catch (error) {
    throw new EmbeddedPostgresError(
      `The data folder ${path.resolve(dataDir)} cannot be used (${codeOf(error) ?? messageOf(error)}): make it writable, point HEADWAY_DATA_DIR at another, or set DATABASE_URL.`,
    );
  }
}

/** The folder for the server's socket: the root, or one under the system's temporary folder if that is too long. */
export function socketFolder(layout: Pick<Layout, 'root'>): string {
  if (Buffer.byteLength(socketFile(layout.root)) <= longestSocketPath) return layout.root;
  const digest = createHash('sha256').update(layout.root).digest('hex').slice(0, 20);
  return path.join(os.tmpdir(), `headway-${digest}`);
}

/**
 * Where a running server has its socket. The process that started the server may have had another temporary
 * folder, so the folder in the pid file counts if only that differs. Nothing else in the pid file is trusted,
 * because the file may belong to a copied data folder.
 */
export function runningSocketFolder(layout: Layout, pidFile: PidFile): string {
  const expected = socketFolder(layout);
  const { socketFolder: written } = pidFile;
  const isElsewhere = written !== undefined && path.basename(written) === path.basename(expected);
  return expected !== layout.root && isElsewhere ? written : expected;
}

/** Creates the socket's folder, closed to all but the server's user, and refuses one that somebody else made. */
export async function prepareSocketFolder(
  layout: Layout,
  giveToServer: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = socketFolder(layout);
  if (folder === layout.root) return folder;
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  const { uid } = await lstat(folder);
  if (uid === process.getuid?.()) await giveToServer(folder);
  await checkSocketFolder(layout, folder);
  return folder;
}

/**
 * Anybody may write to the temporary folder: a user who created our folder there first could answer in the
 * server's place.
 */
export async function checkSocketFolder(layout: Layout, folder: string): Promise<void> {
  const [found, root] = await Promise.all([lstat(folder), stat(layout.root)]);
  if (found.isDirectory() && found.uid === root.uid) {
    if ((found.mode & 0o077) !== 0) await chmod(folder, 0o700);
    return;
  }
  throw new EmbeddedPostgresError(
    `${folder} is meant for PostgreSQL's socket but belongs to another user: remove it, or choose a HEADWAY_DATA_DIR with a shorter path.`,
  );
}

/** The server's socket in its folder. */
export function socketFile(folder: string): string {
  return path.join(folder, `.s.PGSQL.${port}`);
}

/** The URL of the database `app`, as pg, Prisma and pg-boss take it. */
export function databaseUrl(folder: string): string {
  return `postgresql://postgres@localhost/app?host=${encodeURIComponent(folder)}`;
}
