/** Every process of an installation is restarted in turn, while clients go on as if nothing happened. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { violations } from '../support/invariants.ts';
import { type HeadwayProcess, startHeadway, type TaskBody } from '../support/process.ts';
import { RestlessClient } from '../support/restless-client.ts';
import { createEffectTable } from '../support/service.ts';

type Member = HeadwayProcess & { url: string };

let database: TestDatabase;
let db: ReturnType<typeof openDatabase>;

beforeEach(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { name: 'test' });
  await createEffectTable({ db });
});

afterEach(async () => {
  await db.close();
  await database.drop();
});

it('a rolling restart of every process loses nothing, and no client is told of an error', {
  timeout: 180_000,
}, async () => {
  const roles = ['all', 'all', 'api', 'worker'];
  const members = await Promise.all(roles.map((role) => start(role)));
  const urls = members.filter((_member, index) => roles[index] !== 'worker').map(({ url }) => url);
  const client = new RestlessClient(urls);
  const load = putLoadOn(client);
  await eventually(() => load.finished.length > 6, { timeoutMs: 30_000 });

  for (const [index, member] of members.entries()) {
    member.signal('SIGTERM');
    expect(await member.exited).toBe(0);
    members[index] = await start(roles[index] ?? '', new URL(member.url).port);
  }
  await load.stop();
  await Promise.all(members.map((member) => member.signal('SIGINT')));
  await Promise.all(members.map((member) => member.exited));

  expect(client.errors).toEqual([]);
  expect(load.finished.length).toBe(load.submitted);
  expect(load.finished.filter(({ status, failures }) => status !== 'succeeded' || failures > 0)).toEqual([]);
  expect(load.finished.filter(({ attempt }) => attempt > 1).length).toBeGreaterThan(0);
  expect(new Set(load.finished.flatMap(({ result }) => result?.imported ?? []))).toEqual(new Set([2_000]));
  expect(await unequalEffects()).toEqual([]);
  expect(await violations({ db })).toEqual([]);
});

function start(role: string, port = '0'): Promise<Member> {
  return startHeadway(
    { DATABASE_URL: database.url, PORT: port, HEADWAY_GRACE_SECONDS: '1', HEADWAY_SLOTS: '4' },
    ['serve', '--role', role],
  );
}

const steps = 30;
const file = `id,name\n${'1,Ada\n'.repeat(2_000)}`;

interface Load {
  submitted: number;
  readonly finished: TaskBody[];
  stop(): Promise<void>;
}

/** Clients that submit a task and follow it to its end, again and again, each kind in its own way. */
function putLoadOn(client: RestlessClient): Load {
  let isStopping = false;
  const submitSteps = (key: string) => client.submit('steps', key, { steps, stepMs: 100 });
  const kinds = [
    async (key: string) => client.poll((await submitSteps(key)).id),
    async (key: string) => client.wait((await submitSteps(key)).id),
    async (key: string) => client.stream((await submitSteps(key)).id),
    async (key: string) => client.wait((await client.submit('noop', key, {})).id),
    async (key: string) => client.poll((await client.upload(key, file)).id),
  ];
  const load = {
    submitted: 0,
    finished: [] as TaskBody[],
    async stop() {
      isStopping = true;
      await Promise.all(running);
    },
  };
  const run = async (kind: (key: string) => Promise<TaskBody>, name: string) => {
    for (let round = 0; !isStopping; round += 1) {
      load.submitted += 1;
      load.finished.push(await kind(`${name}-${round}`));
    }
  };
  const running = [0, 1, 2].flatMap((number) => kinds.map((kind, index) => run(kind, `${number}-${index}`)));
  return load;
}

/** Tasks that did not do each of their steps, and their end, exactly once. */
async function unequalEffects(): Promise<unknown[]> {
  const { rows } = await db.pool.query(
    `SELECT task.id, array_agg(effect.step ORDER BY effect.step) AS steps
     FROM task_state AS task LEFT JOIN effect ON effect.task_id = task.id
     WHERE task.type = 'steps'
     GROUP BY task.id
     HAVING array_agg(effect.step ORDER BY effect.step) <> ARRAY(SELECT generate_series(0, $1::int))`,
    [steps],
  );
  return rows;
}
