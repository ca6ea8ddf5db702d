/** Attacks a running service, and measures the polls of others and the memory of the service. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../../bench/quantile.ts';
import { launch } from '../launch.ts';
import type { AttackName } from './attacks.ts';
import type { Poll } from './prober.ts';

export interface Flood {
  readonly attack: AttackName;
  readonly url: string;
  /** The process that serves, whose memory is measured. */
  readonly pid: number;
  /** The task that others poll during the attack. */
  readonly polled: string;
  /** The tasks that are attacked. */
  readonly ids: readonly string[];
  readonly seconds: number;
}

export interface Seen {
  readonly polls: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** How far the memory of the service rose above its size before the attack. */
  readonly rssGrowthMb: number;
}

const afterSeconds = 5;
const sampleMs = 100;

/** Attacks for `seconds`, and goes on measuring for five seconds more. */
export async function flood({ attack, url, pid, polled, ids, seconds }: Flood): Promise<Seen> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headway-flood-'));
  const idsFile = path.join(folder, 'ids.json');
  writeFileSync(idsFile, JSON.stringify(ids));
  const prober = startScript('prober.ts', [`${url}/tasks/${polled}`]);
  await once(prober, 'message');
  // Uses the service first, so that the attack does not pay for what a process does only once.
  await fetch(`${url}/tasks?ids=${ids.slice(0, 2).join(',')}`);
  await fetch(`${url}/tasks/${ids.at(-1)}`, { headers: { accept: 'text/html' } });
  await sleep(1_000);
  await ask(prober);
  const before = rssMb(pid);
  let highest = before;
  const sampler = setInterval(() => {
    highest = Math.max(highest, rssMb(pid));
  }, sampleMs);
  const attacker = startScript('attacker.ts', [attack, new URL(url).port, idsFile]);
  await sleep(1000 * seconds);
  attacker.kill('SIGKILL');
  await sleep(1000 * afterSeconds);
  const polls = await ask(prober);
  clearInterval(sampler);
  const ended = once(prober, 'exit');
  prober.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true, force: true });
  // A poll without an answer, or with a refusal, counts as infinitely long.
  const times = polls.map(({ ms, status }) => (status === 200 ? ms : Number.POSITIVE_INFINITY));
  return {
    polls: polls.length,
    failed: polls.filter(({ status }) => status !== 200).length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    longestMs: Math.max(...times),
    rssGrowthMb: highest - before,
  };
}

function startScript(script: string, args: readonly string[]): ChildProcess {
  return launch(process.execPath, [path.join(import.meta.dirname, script), ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

async function ask(prober: ChildProcess): Promise<Poll[]> {
  prober.send('polls');
  return ((await once(prober, 'message')) as [Poll[]])[0];
}

/** The memory of a process, read from /proc, so that the process need not answer. */
function rssMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb) / 1e3;
}
