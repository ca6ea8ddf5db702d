/**
 * Locks between processes, on a file. The kernel holds them (through SQLite, the only way to file locks in
 * Node), so that a killed holder leaves nothing stale behind: a lock file with a pid in it has to be taken
 * over when its holder dies, and that cannot be done without a race.
 */
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../error-text.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';

export interface Lock {
  release(): void;
}

/** `exclusive` waits until nobody holds the lock, `shared` until nobody holds it exclusively. */
export type LockMode = 'exclusive' | 'shared';

/** Takes the lock, or returns null where it is not free. */
export function tryLock(file: string, mode: LockMode): Lock | null {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    // A deferred transaction takes its shared lock with the first read.
    database.exec(mode === 'exclusive' ? 'BEGIN EXCLUSIVE' : 'BEGIN; SELECT 1 FROM sqlite_schema');
    const held = database;
    return { release: () => held.close() };
  } catch (error) {
    if (database?.isOpen) database.close();
    if (isBusy(error)) return null;
    throw new EmbeddedPostgresError(
      `Cannot lock ${file} (${messageOf(error)}): let HEADWAY_DATA_DIR be a folder of your own on a local disk, or set DATABASE_URL.`,
    );
  }
}

/** Waits for the lock and takes it; null when it was not free within `timeoutMs`. */
export async function lock(file: string, mode: LockMode, timeoutMs: number): Promise<Lock | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const held = tryLock(file, mode);
    if (held !== null || performance.now() >= deadline) return held;
    await sleep(20 + Math.random() * 20);
  }
}

function isBusy(error: unknown): boolean {
  const busy = 5;
  return (
    typeof error === 'object' &&
    error !== null &&
    'errcode' in error &&
    (Number(error.errcode) & 0xff) === busy
  );
}
