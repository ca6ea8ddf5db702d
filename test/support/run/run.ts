/**
 * A run of tests, of chaos or of benchmarks, and the promise that no process outlives it. All its processes
 * inherit its mark and its folder for temporary files. A watchdog ends the processes and removes the folder,
 * even if this process is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, realpathSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runVariable } from './marks.ts';

const watchdogScript = fileURLToPath(new URL('watchdog.ts', import.meta.url));
const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

export class Run {
  readonly folder: string;
  private readonly watchdog: ChildProcess;
  private readonly orphanCheck: NodeJS.Timeout;
  private report = '';

  constructor() {
    this.folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'headway-run-')));
    // When the tests run as root, PostgreSQL runs as another user, who must be able to enter the folder.
    chmodSync(this.folder, 0o755);
    this.watchdog = spawn(process.execPath, [watchdogScript, this.folder], {
      // The watchdog has its own process group, so that Ctrl-C in a terminal does not end it.
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.watchdog.unref();
    for (const stream of [this.watchdog.stdin, this.watchdog.stdout]) {
      stream?.on('error', () => undefined);
      (stream as unknown as { unref?: () => void } | null)?.unref?.();
    }
    this.watchdog.stdout?.on('data', (bytes) => {
      this.report += bytes;
    });
    process.env[runVariable] = this.folder;
    process.env.TMPDIR = this.folder;
    for (const signal of Object.keys(signals) as (keyof typeof signals)[]) {
      process.on(signal, this.onSignal);
    }
    this.orphanCheck = setInterval(this.endWithNpm, 500).unref();
  }

  /**
   * Call when the run has stopped everything: waits until no process is left. A process that the watchdog
   * must end is a fault of the test that started it.
   * @returns one line for each process that was left behind
   */
  async end(): Promise<string[]> {
    clearInterval(this.orphanCheck);
    for (const signal of Object.keys(signals) as (keyof typeof signals)[]) process.off(signal, this.onSignal);
    this.watchdog.ref();
    const closed = once(this.watchdog, 'close');
    this.watchdog.stdin?.end('end\n');
    await closed;
    return this.report.split('\n').filter((line) => line !== '');
  }

  /** Ends this process at once; the watchdog then ends all other processes of the run. */
  private readonly onSignal = (signal: NodeJS.Signals) => {
    process.stderr.write(`\n${signal}: ending all that the run has started.\n`);
    process.exit(128 + signals[signal as keyof typeof signals]);
  };

  /**
   * Ends this process when npm, its parent, has been killed, as npm cannot pass that on. Does nothing without
   * npm: a shell may leave its child on purpose.
   */
  private readonly endWithNpm = (() => {
    const parent = process.ppid;
    return () => {
      if (process.env.npm_lifecycle_event !== undefined && process.ppid !== parent) process.exit(137);
    };
  })();
}
