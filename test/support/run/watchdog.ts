/**
 * A separate process that outlives the test run by moments, and ends all that the run has started: services,
 * runners, PostgreSQL servers, browsers, proxies, mounts and the run's folder. It holds the other end of a
 * pipe to the run, so that it notices every end of the run, even by SIGKILL. It also notices when a single
 * vitest worker has ended and left processes behind.
 *
 * Arguments: the run's folder. Input: `end` when the run has ended in order; the end of the input alone says
 * that the run has died. Output: lines of text, one for each process that was left behind.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type MarkedProcess, processesOf } from './marks.ts';
import { workersFolder } from './workers.ts';

const [runFolder = ''] = process.argv.slice(2);
/**
 * After an orderly end of the run, processes that end by themselves, such as a runner whose parent was
 * killed, get this time, and on a busy machine the time of this many starts of an empty Node process in
 * addition. The processes that a worker leaves behind get the same.
 */
const patience = { ms: 5_000, starts: 30 };
/** How long to wait after a run that was interrupted or killed. */
const hurryMs = 1_000;
const lookAtWorkersMs = 1_000;
/** A process of vitest itself, which ends only with vitest. */
const vitestsOwn = 'vitest-watchdog';

// A terminal sends these signals to all processes; the watchdog waits for the end of the run instead.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// The reader of the report may have died.
process.stdout.on('error', () => undefined);

let hasEndedInOrder = false;
let isOver = false;
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text: string) => {
  if (text.includes('end')) hasEndedInOrder = true;
});
process.stdin.on('error', () => undefined);
const inputHasEnded = new Promise<void>((resolve) => {
  process.stdin.on('close', () => resolve());
  process.stdin.on('end', () => resolve());
});

const watching = watchWorkers();
await inputHasEnded;
isOver = true;
await watching;
await endRun();
await removeFolder();
process.exit(0);

async function endRun(): Promise<void> {
  const find = async () => {
    const found = await processesOf(runFolder);
    return hasEndedInOrder ? found.filter(({ command }) => command !== vitestsOwn) : found;
  };
  const left = await waitForEnds(find, hasEndedInOrder ? patienceMs : () => hurryMs);
  for (const { pid, command } of left) process.stdout.write(`process ${pid}: ${command}\n`);
  await kill(find);
}

/** Ends the processes that a worker has left behind when it ended. */
async function watchWorkers(): Promise<void> {
  while (!isOver) {
    await sleep(lookAtWorkersMs);
    for (const worker of await readdir(workersFolder(runFolder)).catch(() => [])) {
      if (isOver || isAlive(Number(worker))) continue;
      const find = async () =>
        (await processesOf(runFolder)).filter((found) => found.worker === Number(worker));
      await waitForEnds(find, patienceMs);
      // At the end of the run, the end itself reports what is left.
      if (isOver) return;
      await kill(find);
      await rm(path.join(workersFolder(runFolder), worker), { force: true });
    }
  }
}

/** Waits until no process is left, or until the limit has passed. Returns those that are left. */
async function waitForEnds(
  find: () => Promise<MarkedProcess[]>,
  limit: () => number | Promise<number>,
): Promise<MarkedProcess[]> {
  const wasOver = isOver;
  const began = performance.now();
  let left = await find();
  if (left.length === 0) return left;
  const waitMs = await limit();
  while (left.length > 0 && performance.now() - began < waitMs && isOver === wasOver) {
    await sleep(100);
    left = await find();
  }
  return left;
}

async function patienceMs(): Promise<number> {
  const began = performance.now();
  await promisify(execFile)(process.execPath, ['--eval', '0']);
  return patience.ms + patience.starts * (performance.now() - began);
}

/**
 * Ends processes. PostgreSQL comes last, and by SIGQUIT, its immediate shutdown, because SIGKILL would leave
 * its shared memory behind; a server that does not end is killed. SIGCONT follows, because a test may have
 * stopped the server.
 */
async function kill(find: () => Promise<MarkedProcess[]>): Promise<void> {
  const began = performance.now();
  for (;;) {
    const left = await find();
    if (left.length === 0) return;
    const isPatient = performance.now() - began < 3_000;
    for (const { pid, isPostgres } of left) {
      if (isPostgres && isPatient) {
        signal(pid, 'SIGQUIT');
        signal(pid, 'SIGCONT');
      } else signal(pid, 'SIGKILL');
    }
    await sleep(50);
  }
}

async function removeFolder(): Promise<void> {
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '');
  for (const line of mounts.split('\n')) {
    const folder = line.split(' ')[1]?.replaceAll('\\040', ' ') ?? '';
    if (folder.startsWith(`${runFolder}/`)) {
      await promisify(execFile)('umount', ['--lazy', folder]).catch(() => undefined);
    }
  }
  await rm(runFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has ended in the meantime.
  }
}
