/** Times until the task of a dead worker is not shown as running any more. */
import { copyDataDir, query, startHere } from '../../test/support/embedded.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type HeadwayProcess, pollUntil, postTask, startHeadway } from '../../test/support/process.ts';
import { msOf, type Promised, repeated } from './promised.ts';

const leaseSeconds = 3;

export async function measure(): Promise<Promised[]> {
  await using dataDir = await copyDataDir();
  const postgres = await startHere(dataDir.path);
  const env = { DATABASE_URL: postgres.url, HEADWAY_LEASE_SECONDS: String(leaseSeconds) };
  const here = await onItsOwnMachine(env, postgres.url);
  const elsewhere = await fromElsewhere(env, postgres.url);
  await postgres.stop();
  return [
    { what: 'a worker that was killed is noticed on its own machine', limitMs: 2_000, times: here },
    {
      what: `a worker that is gone with its machine is noticed elsewhere (lease of ${leaseSeconds} s, and 5 s)`,
      limitMs: (leaseSeconds + 5) * 1000,
      times: elsewhere,
    },
  ];
}

async function onItsOwnMachine(env: Record<string, string>, databaseUrl: string): Promise<number[]> {
  const headway = await startHeadway(env);
  const times = await repeated(10, async () => {
    const id = await runOne(headway.url);
    process.kill(await runnerOf(databaseUrl, id), 'SIGKILL');
    return msOf(() => isNoticed(databaseUrl, id));
  });
  await end(headway);
  return times;
}

async function fromElsewhere(env: Record<string, string>, databaseUrl: string): Promise<number[]> {
  const api = await startHeadway(env, ['serve', '--role', 'api']);
  const times = await repeated(5, async () => {
    const worker = await startHeadway(env, ['serve', '--role', 'worker']);
    const id = await runOne(api.url);
    process.kill(await runnerOf(databaseUrl, id), 'SIGKILL');
    worker.signal('SIGKILL');
    return msOf(() => isNoticed(databaseUrl, id));
  });
  await end(api);
  return times;
}

/** Submits a task, and waits until it runs, which is after the end of the previous round's task. */
async function runOne(url: string): Promise<string> {
  const { id } = await postTask(url, 'counts', { names: 100, stepMs: 50 });
  await pollUntil(url, id, ({ done }) => (done ?? 0) > 0);
  return id;
}

async function runnerOf(databaseUrl: string, id: string): Promise<number> {
  const [runner] = await query<{ pid: number }>(
    databaseUrl,
    `SELECT pid FROM worker JOIN task_state ON worker_id = worker.id WHERE task_state.id = '${id}'`,
  );
  if (!runner) throw new Error(`nobody runs ${id}`);
  return runner.pid;
}

function isNoticed(databaseUrl: string, id: string): Promise<unknown> {
  const running = `SELECT FROM task_state WHERE id = '${id}' AND status = 'running' AND attempt = 1`;
  return eventually(async () => (await query(databaseUrl, running)).length === 0, { intervalMs: 10 });
}

async function end(headway: HeadwayProcess): Promise<void> {
  headway.signal('SIGKILL');
  await headway.exited;
}
