/**
 * A parent (`headway serve`) with its own proxy to the database. A scenario may kill it and start it again.
 */
import { FlakyProxy } from '../support/flaky-proxy.ts';
import { HeadwayProcess, isAlive } from '../support/process.ts';
import { testJobsFolder } from '../support/service.ts';

export interface ParentOptions {
  readonly databaseUrl: string;
  readonly leaseSeconds: number;
  readonly slots: number;
}

export class Parent {
  readonly proxy: FlakyProxy;
  url = '';
  /** Descriptions of ends that the scenario did not cause. */
  readonly surprises: string[] = [];
  private readonly options: ParentOptions;
  private process: HeadwayProcess;
  private endIsWanted = false;

  private constructor(options: ParentOptions, proxy: FlakyProxy) {
    this.options = options;
    this.proxy = proxy;
    this.process = this.spawn();
  }

  static async start(options: ParentOptions): Promise<Parent> {
    const parent = new Parent(options, await FlakyProxy.start(options.databaseUrl));
    parent.url = await parent.process.ready();
    return parent;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Whether a runner with this pid was started by this process. */
  owns(runnerPid: number): boolean {
    return this.process.stdout.includes(`"runnerPid":${runnerPid},`);
  }

  /** Ends the parent by a signal. @returns its exit code, once it has ended */
  end(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): Promise<number | null> {
    this.endIsWanted = true;
    this.process.signal(signal);
    return this.process.exited;
  }

  async startAgain(): Promise<void> {
    this.process = this.spawn();
    this.url = await this.process.ready();
  }

  async stop(): Promise<void> {
    signalAll([this.pid], 'SIGCONT');
    if (isAlive(this.pid)) await this.end('SIGINT');
    await this.proxy[Symbol.asyncDispose]();
  }

  private spawn(): HeadwayProcess {
    this.endIsWanted = false;
    const child = new HeadwayProcess([], {
      PORT: '0',
      DATABASE_URL: this.proxy.url,
      HEADWAY_JOBS_DIR: testJobsFolder,
      HEADWAY_LEASE_SECONDS: String(this.options.leaseSeconds),
      HEADWAY_SLOTS: String(this.options.slots),
    });
    void child.exited.then((code) => {
      if (!this.endIsWanted)
        this.surprises.push(`parent ${child.pid} ended by itself (${code}): ${child.stderr.slice(-2_000)}`);
    });
    return child;
  }
}

/** Sends a signal to each of the processes that still exist. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, signal);
}
