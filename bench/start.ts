/**
 * Measures how long `npm start` takes until `/readyz` answers 200: the first start after an installation, and the
 * second one. Beside it, in rounds in turn: Debian's initdb, postgres and a bare Fastify, one after the other.
 */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { projectDir } from '../src/config.ts';
import { type Comparison, rounds as fullRounds } from './comparison.ts';
import { median } from './quantile.ts';
import { startHeadway } from './start/headway.ts';
import { findPeer, startPeer } from './start/peer.ts';

/** Fewer rounds measure a part of the time, such as on a machine that others use, too. */
const rounds = Number(process.env.BENCH_ROUNDS ?? fullRounds);
// On the file system of the installation, as the data folder usually is.
const parent = path.join(projectDir, 'node_modules/.cache');

interface Round {
  readonly first: number;
  readonly second: number;
  readonly peer: number;
  readonly peerWithoutInitdb: number;
}

export async function run(): Promise<Comparison[]> {
  const programs = await findPeer();
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(path.join(parent, 'headway-bench-'));
  await chmod(folder, 0o755);
  const measured: Round[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const within = (name: string) => path.join(folder, String(round), name);
      measured.push(await measure(within, programs));
    }
  } finally {
    // Not after each round: for some seconds after many files were deleted, ext4 makes new ones more slowly.
    await rm(folder, { recursive: true, force: true });
  }

  const seconds = (name: keyof Round) => `${median(measured.map((each) => each[name])).toFixed(2)} s`;
  const comparison = (what: string, own: keyof Round, peerName: string, peer: keyof Round): Comparison => ({
    what,
    headway: seconds(own),
    peer: `${peerName}: ${seconds(peer)}`,
    ratios: measured.map((each) => each[own] / each[peer]),
  });
  const peer = `initdb, postgres and a bare Fastify (${programs.name})`;
  return [
    comparison('first `npm start` until /readyz answers', 'first', peer, 'peer'),
    comparison('second `npm start`', 'second', peer, 'peer'),
    comparison('second `npm start`', 'second', 'the same without initdb', 'peerWithoutInitdb'),
  ];
}

async function measure(
  within: (name: string) => string,
  programs: Awaited<ReturnType<typeof findPeer>>,
): Promise<Round> {
  // Node keeps compiled code from one start to the next, and after an installation there is none.
  const folders = { data: within('data'), compiled: within('compiled') };
  const first = await startHeadway(folders);
  await mkdir(within('peer'), { recursive: true });
  const peer = await startPeer(within('peer'), programs);
  const second = await startHeadway(folders);
  return { first, second, peer: peer.all, peerWithoutInitdb: peer.withoutInitdb };
}
