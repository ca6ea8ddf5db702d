/**
 * BullMQ, on a Redis of its own with an append-only file that is synced each second, as BullMQ's documentation
 * says for production (https://docs.bullmq.io/guide/going-to-production). It is no dependency: it is measured
 * where Debian's Redis and the package are there.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PeerWorkers } from './peer-workers.ts';

/** What is used of BullMQ. */
export interface BullModule {
  readonly Queue: new (name: string, options: object) => BullQueue;
  readonly Worker: new (
    name: string,
    run: () => Promise<unknown>,
    options: object,
  ) => {
    on(event: 'completed', listener: () => void): void;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  };
}

interface BullQueue {
  addBulk(jobs: object[]): Promise<unknown>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

export interface BullOptions {
  readonly connection: { readonly path: string };
  readonly queue: string;
  readonly concurrency: number;
}

const howTo =
  'BullMQ is not measured. For that: apt-get install redis-server; npm install --no-save bullmq ioredis';

/** `require`, so that NODE_PATH may name another folder of packages. */
export function requireBull(): BullModule {
  return createRequire(import.meta.url)('bullmq') as BullModule;
}

/** A Redis in a folder of its own; a text that says how to get it where it or BullMQ is missing. */
export async function startRedis(): Promise<Redis | string> {
  try {
    requireBull();
    return await Redis.start();
  } catch {
    return howTo;
  }
}

export class Redis {
  readonly socket: string;
  private readonly folder: string;
  private readonly server: ChildProcess;

  private constructor(folder: string, socket: string, server: ChildProcess) {
    this.folder = folder;
    this.socket = socket;
    this.server = server;
  }

  static async start(): Promise<Redis> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'headway-redis-'));
    const socket = path.join(folder, 'redis.sock');
    const settings = {
      port: '0',
      unixsocket: socket,
      dir: folder,
      save: '',
      appendonly: 'yes',
      appendfsync: 'everysec',
      'maxmemory-policy': 'noeviction',
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const server = spawn('redis-server', flags, { stdio: 'ignore' });
    const started = new Promise<void>((resolve, reject) => {
      server.once('spawn', resolve);
      server.once('error', reject);
    });
    await started.catch(async (error) => {
      await rm(folder, { recursive: true, force: true });
      throw error;
    });
    return new Redis(folder, socket, server);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.server.once('exit', resolve));
    this.server.kill();
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class BullWorkers {
  private readonly queue: BullQueue;
  private readonly workers: PeerWorkers;

  private constructor(queue: BullQueue, workers: PeerWorkers) {
    this.queue = queue;
    this.workers = workers;
  }

  static async start(
    redis: Redis,
    { workers, slots }: { workers: number; slots: number },
  ): Promise<BullWorkers> {
    const { Queue } = requireBull();
    const options: BullOptions = {
      connection: { path: redis.socket },
      queue: `noop-${workers}`,
      concurrency: slots,
    };
    const queue = new Queue(options.queue, { connection: options.connection });
    await queue.waitUntilReady();
    return new BullWorkers(queue, await PeerWorkers.start('bullmq-process.ts', options, workers));
  }

  drain(count: number): Promise<number> {
    const jobs = Array.from({ length: count }, () => ({ name: 'noop', data: {} }));
    return this.workers.drain(count, () => this.queue.addBulk(jobs));
  }

  async stop(): Promise<void> {
    await this.workers.stop();
    await this.queue.close();
    // The connection may still say that it is closed.
    await sleep(50);
  }
}
