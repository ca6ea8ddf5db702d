/**
 * Times from a signal until all processes have ended, the embedded PostgreSQL included; and from a kill of
 * that PostgreSQL until the service is ready again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { copyDataDir, killServer, serverPid, signalServer } from '../../test/support/embedded.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type HeadwayProcess, pollUntil, postTask, startHeadway } from '../../test/support/process.ts';
import { msOf, type Promised, repeated } from './promised.ts';

const rounds = 5;

type Running = HeadwayProcess & { url: string };

export async function measure(): Promise<Promised[]> {
  await using dataDir = await copyDataDir();
  const start = () => startHeadway({ HEADWAY_DATA_DIR: dataDir.path });
  return [
    {
      what: 'Ctrl-C ends everything while a job runs that obeys its signal',
      limitMs: 5_000,
      times: await repeated(rounds, async () => interrupt(await start())),
    },
    {
      what: 'a second signal ends everything, whatever the job does',
      limitMs: 2_500,
      times: await repeated(rounds, async () => signalTwice(await start())),
    },
    {
      what: 'Ctrl-C ends Headway also when PostgreSQL does not answer',
      limitMs: 10_000,
      times: await repeated(3, async () => interruptBesideFrozen(await start(), dataDir.path)),
    },
    {
      what: 'ready after a kill -9 of the embedded PostgreSQL',
      limitMs: 5_000,
      times: await recoveries(await start(), dataDir.path),
    },
  ];
}

async function interrupt(headway: Running): Promise<number> {
  await startJob(headway, false);
  return msUntilEnd(headway, 'SIGINT');
}

async function signalTwice(headway: Running): Promise<number> {
  await startJob(headway, true);
  headway.signal('SIGTERM');
  await eventually(() => headway.stdout.includes('SIGTERM: stopping'));
  // A second signal that comes sooner would be taken for the first one, passed on by npm.
  await sleep(600);
  return msUntilEnd(headway, 'SIGTERM');
}

async function interruptBesideFrozen(headway: Running, dataDir: string): Promise<number> {
  await startJob(headway, false);
  await signalServer(dataDir, 'SIGSTOP');
  const ms = await msUntilEnd(headway, 'SIGINT');
  await killServer(dataDir);
  return ms;
}

async function recoveries(headway: Running, dataDir: string): Promise<number[]> {
  const times = await repeated(rounds, async () => {
    const pid = await serverPid(dataDir);
    process.kill(pid, 'SIGKILL');
    return msOf(async () => {
      await eventually(async () => (await serverPid(dataDir).catch(() => pid)) !== pid);
      await eventually(async () => (await fetch(`${headway.url}/readyz`)).ok);
    });
  });
  await msUntilEnd(headway, 'SIGINT');
  return times;
}

async function startJob({ url }: Running, ignoresSignal: boolean): Promise<void> {
  const { id } = await postTask(url, 'counts', { names: 2_000, stepMs: 50, ignoresSignal });
  await pollUntil(url, id, ({ done }) => (done ?? 0) > 0);
}

function msUntilEnd(headway: Running, signal: NodeJS.Signals): Promise<number> {
  return msOf(() => {
    headway.signal(signal);
    return headway.exited;
  });
}
