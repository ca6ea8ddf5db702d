/**
 * A folder where each of vitest's workers creates a file named after its process id, so that the watchdog can
 * end the processes that the worker leaves behind.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runVariable, workerVariable } from './marks.ts';

export function workersFolder(runFolder: string): string {
  return path.join(runFolder, 'workers');
}

/** Called in each worker before it starts a process. */
export function signIn(): void {
  const runFolder = process.env[runVariable];
  if (runFolder === undefined) throw new Error(`${runVariable} is not set: was the run started by vitest?`);
  process.env[workerVariable] = String(process.pid);
  mkdirSync(workersFolder(runFolder), { recursive: true });
  writeFileSync(path.join(workersFolder(runFolder), String(process.pid)), '');
}
