/** A small disk that is soon full: a file system in memory, if this process may mount one. */
import { execFile, execFileSync } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { clusterOf } from './embedded.ts';

const run = promisify(execFile);

/** Whether this process may mount a file system: even root in a container often may not. */
export const canMount = (() => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** A folder of limited size, in megabytes, that belongs to the user of the data folder's server. */
export async function mountSmallDisk(
  dataDir: string,
  megabytes: number,
): Promise<AsyncDisposable & { path: string }> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'headway-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  const { uid, gid } = await stat(clusterOf(dataDir));
  await chown(folder, uid, gid);
  await chmod(folder, 0o700);
  return {
    path: folder,
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
