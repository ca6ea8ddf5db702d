/** A temporary database server for a developer's script. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../src/database/embedded/postgres.ts';

/** Runs `work` with the URL of an empty database and an empty folder, and then removes both. */
export async function withScratch<T>(work: (url: string, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'headway-scratch-'));
  try {
    // When root runs the script, the server runs as another user, who must be able to enter the folder.
    await chmod(folder, 0o755);
    const server = await startEmbeddedPostgres({
      dataDir: path.join(folder, 'database'),
      log: () => undefined,
      settings: { fsync: 'off' },
    });
    try {
      return await work(server.url, folder);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
