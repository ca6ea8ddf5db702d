/** Where vitest's workers sign in, one file each, named after their process ids: the watchdog looks after what they leave. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runVariable, workerVariable } from './marks.ts';

export function workersFolder(runFolder: string): string {
  return path.join(runFolder, 'workers');
}

/** Called in each worker, before it starts anything. */
export function signIn(): void {
  const runFolder = process.env[runVariable];
  if (runFolder === undefined) throw new Error(`${runVariable} is not set: was the run started by vitest?`);
  process.env[workerVariable] = String(process.pid);
  mkdirSync(workersFolder(runFolder), { recursive: true });
  writeFileSync(path.join(workersFolder(runFolder), String(process.pid)), '');
}
