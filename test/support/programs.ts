/** Programs that a machine may have, which tests need beside what npm installs. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const folders = ['/usr/sbin', '/usr/local/sbin', ...(process.env.PATH ?? '').split(path.delimiter)];

/** Where it lies. Where it is not installed, says that the tests that need it are skipped, and how to get it. */
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
