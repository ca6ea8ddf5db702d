/**
 * What a process tells Prometheus. Each part of the process keeps its own counts, which are read when
 * somebody asks for metrics: the code for polls and progress knows nothing of metrics.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Reading } from './api/reading/reading.ts';
import { runnerKinds } from './jobs/runner/queues.ts';
import { runnerEnds } from './jobs/supervisor/exit.ts';
import type { Supervisor } from './jobs/supervisor/supervisor.ts';
import type { Counts } from './logging/counts.ts';
import { type Census, countUnfinished } from './tasks/queries/census.ts';
import type { Reaper } from './tasks/reaper/reaper.ts';
import { repairKinds } from './tasks/reaper/repairs.ts';
import type { Store } from './tasks/store.ts';
import type { Sweeper } from './tasks/upkeep/sweeper.ts';

export interface MetricSources {
  readonly store: Store;
  /** Undefined in a process without HTTP for tasks (`--role worker`). */
  readonly reading: Reading | undefined;
  readonly supervisor: Supervisor;
  readonly reaper: Reaper;
  readonly sweeper: Sweeper;
}

/** Metrics of this process, and of the database as this process sees it. */
export function createMetrics(sources: MetricSources): Registry {
  const { store, reading, supervisor, reaper, sweeper } = sources;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  addDatabase(registers, store);

  addCounter(registers, 'headway_repairs_total', 'Repairs by the reaper', repairKinds, reaper.repairs);
  addCounter(registers, 'headway_deleted_total', 'Deleted by the sweeper', sweeper.kinds, sweeper.swept);
  addCounter(registers, 'headway_runner_ends_total', 'Runners that ended', runnerEnds, supervisor.exits);
  new Counter({
    name: 'headway_claims_handed_back_total',
    help: 'Tasks that a runner gave back because the answer to its claim was lost.',
    registers,
    collect() {
      this.reset();
      this.inc(supervisor.handedBackClaims);
    },
  });
  addRunners(registers, supervisor);
  if (reading) addReading(registers, reading);
  return registry;
}

/** A counter with a label `kind`, whose help says what each kind is. */
function addCounter<Kind extends string>(
  registers: Registry[],
  name: string,
  help: string,
  kinds: Readonly<Record<Kind, string>>,
  counts: Counts<Kind>,
): void {
  const names = Object.keys(kinds) as Kind[];
  new Counter({
    name,
    help: `${help}. ${names.map((kind) => `${kind}: ${kinds[kind]}`).join('; ')}.`,
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const kind of names) this.inc({ kind }, counts.of(kind));
    },
  });
}

function addRunners(registers: Registry[], supervisor: Supervisor): void {
  new Gauge({
    name: 'headway_runners',
    help: 'Runners of this process.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const kind of runnerKinds) this.set({ kind }, supervisor.census(kind).runners);
    },
  });
  new Gauge({
    name: 'headway_running_attempts',
    help: 'Attempts that run in the runners of this process.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const kind of runnerKinds) this.set({ kind }, supervisor.census(kind).attempts);
    },
  });
}

function addReading(registers: Registry[], { watchers, snapshots }: Reading): void {
  new Gauge({
    name: 'headway_watchers',
    help: 'Clients that wait for news, by long poll or stream.',
    registers,
    collect() {
      this.set(watchers.count);
    },
  });
  new Gauge({
    name: 'headway_followed_tasks',
    help: 'Tasks that are polled or watched, and read together once a tick.',
    registers,
    collect() {
      this.set(snapshots.size);
    },
  });
  const kinds = {
    refresh: 'reads of all followed tasks, at most 6 a second',
    first: 'reads of tasks that are not followed, at most 91 a second',
  };
  addCounter(registers, 'headway_reads_total', 'Statements that read tasks', kinds, snapshots.reads);
}

/**
 * These gauges are the same in every process on one database. Where the database does not answer, the process
 * still tells its other metrics.
 */
function addDatabase(registers: Registry[], { db }: Store): void {
  // The gauges are collected at the same time: they share one answer.
  let asking: Promise<Census | undefined> | undefined;
  const ask = () => {
    asking ??= countUnfinished(db)
      .catch(() => undefined)
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
  new Gauge({
    name: 'headway_database_up',
    help: 'Whether the database answered within 2 s; if not, the metrics of the whole database are left out.',
    registers,
    async collect() {
      this.set((await ask()) === undefined ? 0 : 1);
    },
  });
  new Gauge({
    name: 'headway_tasks',
    help: 'Unfinished tasks, on the whole database.',
    labelNames: ['status'],
    registers,
    async collect() {
      const census = await ask();
      this.reset();
      if (!census) return;
      this.set({ status: 'queued' }, census.queued);
      this.set({ status: 'running' }, census.running);
    },
  });
  new Gauge({
    name: 'headway_longest_wait_seconds',
    help: 'For how long the queued task that has waited longest has been ready to run, on the whole database.',
    registers,
    async collect() {
      const census = await ask();
      if (census) this.set(census.longestWaitSeconds);
      else this.remove();
    },
  });
}
