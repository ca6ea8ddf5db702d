/** Times during an outage, when the network loses all that is sent to PostgreSQL, and after it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../../src/database/database.ts';
import { copyDataDir, startHere } from '../../test/support/embedded.ts';
import { eventually } from '../../test/support/eventually.ts';
import { ForgetfulProxy } from '../../test/support/forgetful-proxy.ts';
import { pollUntil, postTask, startHeadway } from '../../test/support/process.ts';
import { isFinished } from '../../test/support/task-states.ts';
import { msOf, type Promised, repeated } from './promised.ts';

const rounds = 5;
const outageMs = 5_000;

export async function measure(): Promise<Promised[]> {
  await using dataDir = await copyDataDir();
  const postgres = await startHere(dataDir.path);
  await using proxy = await ForgetfulProxy.start(postgres.url);
  const hangs = await hangingConnections(proxy);
  const outages = await wholeOutages(proxy);
  await postgres.stop();
  return [
    { what: 'a connection that hangs is given up', limitMs: 5_000, times: hangs },
    {
      what: '/readyz answers 503 during the outage',
      limitMs: 2_000,
      times: outages.map(({ readyz }) => readyz),
    },
    {
      what: 'a submit is refused during the outage',
      limitMs: 5_000,
      times: outages.map(({ submit }) => submit),
    },
    {
      what: 'ready after the return of PostgreSQL',
      limitMs: 5_000,
      times: outages.map(({ ready }) => ready),
    },
    {
      what: 'a new task has been run after that return',
      limitMs: 6_000,
      times: outages.map(({ run }) => run),
    },
  ];
}

async function hangingConnections(proxy: ForgetfulProxy): Promise<number[]> {
  const db = openDatabase(proxy.url, { name: 'headway bench' });
  const times = await repeated(rounds, async () => {
    await db.pool.query('SELECT 1');
    proxy.forget();
    return msOf(() => db.pool.query('SELECT 1').catch(() => undefined));
  });
  await db.close();
  return times;
}

async function wholeOutages(proxy: ForgetfulProxy) {
  const headway = await startHeadway({ DATABASE_URL: proxy.url, HEADWAY_LEASE_SECONDS: '3' });
  const { url } = headway;
  const isReady = async () => (await fetch(`${url}/readyz`)).ok;
  const submit = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"type":"noop"}' };
  const times = await repeated(rounds, async () => {
    proxy.down();
    await eventually(async () => !(await isReady()));
    const refused = await msOf(() => fetch(`${url}/tasks`, submit));
    const readyz = await msOf(() => isReady());
    await sleep(outageMs);
    proxy.up();
    const [ready, run] = await Promise.all([
      msOf(() => eventually(isReady)),
      msOf(async () => {
        const { id } = await eventually(() => postTask(url, 'noop', null).catch(() => undefined));
        await pollUntil(url, id, isFinished);
      }),
    ]);
    return { submit: refused, readyz, ready, run };
  });
  headway.signal('SIGKILL');
  await headway.exited;
  return times;
}
