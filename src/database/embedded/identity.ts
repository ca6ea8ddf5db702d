/**
 * Which user PostgreSQL runs as. PostgreSQL refuses to run as root. Where Headway is root, PostgreSQL runs as
 * the user who owns the data folder, else as `postgres`, else as `nobody`. Where none of them can reach the
 * files (a checkout under a closed folder such as /root), it runs as root in a user namespace of its own, in
 * which root has no name and no special rights.
 */
import { execFile } from 'node:child_process';
import { chmod, lchown, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../error-text.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';

const run = promisify(execFile);

/** How the server's programs are started. */
export interface Identity {
  readonly name: string;
  /** Set where root starts the program as another user. */
  readonly ids: { readonly uid: number; readonly gid: number } | undefined;
  /** Put before the program and its arguments. */
  readonly prefix: readonly string[];
}

const self: Identity = { name: 'this user', ids: undefined, prefix: [] };
const namespaced: Identity = { name: 'root in a user namespace', ids: undefined, prefix: ['unshare', '-U'] };

/** The first user who can use both the folder and the program; the folder is given to that user. */
export async function chooseIdentity(
  folder: string,
  program: string,
): Promise<{ identity: Identity; version: string }> {
  const refusals: string[] = [];
  for (const identity of await candidates(folder)) {
    try {
      const version = await tryOut(identity, path.dirname(folder), program);
      await giveTo(identity, folder);
      return { identity, version };
    } catch (error) {
      refusals.push(`${identity.name}: ${messageOf(error)}`);
    }
  }
  throw new EmbeddedPostgresError(
    `The embedded PostgreSQL cannot run here (${refusals.join('; ')}): run Headway as an ordinary user, move it to a folder that others may enter, or set DATABASE_URL.`,
  );
}

/** The command line and options with which `identity` runs `program`. */
export function commandFor(
  identity: Identity,
  program: string,
  args: readonly string[],
): { file: string; args: string[]; options: { uid?: number; gid?: number; env: NodeJS.ProcessEnv } } {
  const [file = program, ...rest] = [...identity.prefix, program, ...args];
  return { file, args: rest, options: { ...identity.ids, env: cleanEnvironment() } };
}

/** Makes the user of `identity` the owner of the folder and all that is in it, and the only one to enter it. */
export async function giveTo(identity: Identity, folder: string): Promise<void> {
  await chmod(folder, 0o700);
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = identity.ids ?? { uid: 0, gid: 0 };
  // Where the folder has the right owner already, root has made only files at its top since: the locks.
  const hasOtherOwner = (await stat(folder)).uid !== uid;
  const names = await readdir(folder, { recursive: hasOtherOwner });
  for (const name of names) await lchown(path.join(folder, name), uid, gid);
  // The folder itself comes last: as long as its owner is wrong, the next start does all of this again.
  await lchown(folder, uid, gid);
}

/** Root first tries the user who owns the folder: it may belong to somebody who is root only this time. */
async function candidates(folder: string): Promise<Identity[]> {
  if (process.getuid?.() !== 0) return [self];
  const owner = await ownerOf(folder);
  const users = [...(owner ? [owner] : []), ...(await usualUsers())];
  return process.platform === 'linux' ? [...users, namespaced] : users;
}

async function ownerOf(folder: string): Promise<Identity | null> {
  const { uid, gid } = await stat(folder);
  return uid === 0 ? null : { name: `user ${uid}`, ids: { uid, gid }, prefix: [] };
}

/** `postgres` and `nobody`, as far as this machine has them. */
async function usualUsers(): Promise<Identity[]> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  return ['postgres', 'nobody'].flatMap((name) => {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    return uid && gid ? [{ name, ids: { uid: Number(uid), gid: Number(gid) }, prefix: [] }] : [];
  });
}

/** Answers the program's version line; throws where it does not start or the folder cannot be entered. */
async function tryOut(identity: Identity, folder: string, program: string): Promise<string> {
  const script = 'cd "$1" && exec "$2" --version';
  const { file, args, options } = commandFor(identity, '/bin/sh', ['-c', script, 'sh', folder, program]);
  try {
    return (await run(file, args, options)).stdout.trim();
  } catch (error) {
    const stderr =
      typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : '';
    throw new Error(stderr.trim().split('\n').at(-1) || messageOf(error));
  }
}

/** The environment without PGPORT and its like, which would change the server's settings. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
}
