/** Finds programs that tests need and that npm does not install. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const folders = ['/usr/sbin', '/usr/local/sbin', ...(process.env.PATH ?? '').split(path.delimiter)];

/**
 * The path of a program. If the program is not installed, returns undefined, and writes a line: the tests that
 * need it are skipped, and how to install it.
 */
export function findProgram(name: string, debianPackage: string): string | undefined {
  const found = folders.map((folder) => path.join(folder, name)).find(isExecutable);
  if (found === undefined) {
    process.stderr.write(
      `Tests with ${name} are skipped: it is not installed (Debian: apt-get install ${debianPackage}).\n`,
    );
  }
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
