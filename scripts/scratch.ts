/** A database for a developer's script, on a server of its own that is gone afterwards. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../src/database/embedded/postgres.ts';

/** Runs `work` with the URL of an empty database and an empty folder. Neither outlives it. */
export async function withScratch<T>(work: (url: string, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'headway-scratch-'));
  try {
    // Run by root, the server is another user, who must be able to enter.
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
