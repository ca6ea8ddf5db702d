/** Every process of an installation is restarted in turn, while clients go on as if nothing happened. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { violations } from '../support/invariants.ts';
import { hasNginx, Nginx } from '../support/nginx.ts';
import { type HeadwayProcess, startHeadway } from '../support/process.ts';
import { RestlessClient } from '../support/restless-client.ts';
import { createEffectTable } from '../support/service.ts';
import type { TaskBody } from '../support/task-states.ts';

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

it('a rolling restart of every process loses nothing, and no client gets an error', async () => {
  const roles = ['all', 'api', 'worker'];
  const members = await Promise.all(roles.map((role) => start(role)));
  const urls = members.filter((_member, index) => roles[index] !== 'worker').map(({ url }) => url);
  const client = new RestlessClient(urls);
  const load = putLoadOn(client);
  await eventually(() => load.finished.length > 6);

  for (const [index, role] of roles.entries()) members[index] = await restart(members[index], role);
  await load.stop();
  await end(members);

  expect(client.errors).toEqual([]);
  expect(load.finished.filter(({ attempt }) => attempt > 1).length).toBeGreaterThan(0);
  await expectAllDone(load);
});

it.skipIf(!hasNginx)('behind nginx, not even a connection is dropped', async () => {
  const key = 'a-key-for-the-tests';
  const env = { HEADWAY_API_KEYS: key, HEADWAY_DRAIN_SECONDS: '1' };
  const members = await Promise.all([start('all', env), start('all', env)]);
  await using nginx = await Nginx.start(...members.map(({ url }) => Number(new URL(url).port)));
  const client = new RestlessClient([nginx.url], key);
  const load = putLoadOn(client);
  await eventually(() => load.finished.length > 6);

  for (const index of members.keys()) members[index] = await restart(members[index], 'all', env);
  await load.stop();
  await end(members);

  expect(client.errors).toEqual([]);
  expect(client.dropped).toBe(0);
  await expectAllDone(load);
});

function start(role: string, env: Record<string, string> = {}): Promise<Member> {
  const common = { DATABASE_URL: database.url, HEADWAY_GRACE_SECONDS: '1', HEADWAY_SLOTS: '4' };
  return startHeadway({ ...common, ...env }, ['serve', '--role', role]);
}

async function restart(
  member: Member | undefined,
  role: string,
  env: Record<string, string> = {},
): Promise<Member> {
  member?.signal('SIGTERM');
  expect(await member?.exited).toBe(0);
  return start(role, { ...env, PORT: new URL(member?.url ?? '').port });
}

async function end(members: readonly Member[]): Promise<void> {
  for (const member of members) member.signal('SIGINT');
  await Promise.all(members.map(({ exited }) => exited));
}

async function expectAllDone(load: Load): Promise<void> {
  const { finished, submitted } = load;
  expect(finished.length).toBe(submitted);
  expect(finished.filter(({ status, failures }) => status !== 'succeeded' || failures > 0)).toEqual([]);
  expect(new Set(finished.flatMap(({ result }) => result?.imported ?? []))).toEqual(new Set([2_000]));
  expect(await unequalEffects()).toEqual([]);
  expect(await violations({ db })).toEqual([]);
}

const steps = 20;
const file = `id,name\n${'1,Ada\n'.repeat(2_000)}`;

interface Load {
  submitted: number;
  readonly finished: TaskBody[];
  stop(): Promise<void>;
}

/**
 * Starts clients that submit a task and follow it to its end, again and again. Each kind of client follows it
 * in another way.
 */
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
  const running = [0, 1].flatMap((number) => kinds.map((kind, index) => run(kind, `${number}-${index}`)));
  return load;
}

/** The tasks that did not do each of their steps, and their end, exactly once. */
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
