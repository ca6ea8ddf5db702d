/** Checks the end of a scenario: each task is in one terminal state, with its effects exactly once. */
import { eventually } from '../support/eventually.ts';
import { violations } from '../support/invariants.ts';
import type { Clients } from './clients.ts';
import type { Tally } from './tally.ts';
import type { World } from './world.ts';

interface TaskRow {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  readonly failures: number;
  readonly code: string | null;
  /** How many batches the task has made, by its last checkpoint. */
  readonly checkpoint: number;
  readonly steps: number;
  /** The steps of the effects in order; below, the attempts that made them. */
  readonly effects: readonly number[];
  readonly attempts: readonly number[];
}

/** Waits until all tasks are finished, and notes each fault as a problem in `tally`. */
export async function audit(world: World, clients: Clients, tally: Tally): Promise<TaskRow[]> {
  await drain(world, tally);
  const tasks = await readTasks(world);
  const known = new Set(tasks.map((task) => task.id));
  for (const id of clients.acknowledged) if (!known.has(id)) tally.problem(`the task ${id} is lost`);
  for (const task of tasks) {
    tally.count(`tasks ${task.status}${task.code === null ? '' : ` (${task.code})`}`);
    for (const wrong of faultsOf(task, clients)) tally.problem(`${wrong}: ${JSON.stringify(task)}`);
  }
  tally.count(
    'effects',
    tasks.reduce((sum, task) => sum + task.effects.length, 0),
  );
  const events = await world.query<{ kind: string; count: number }>(
    `SELECT kind, count(*)::int AS count FROM task_event WHERE kind IN ('handed_back', 'worker_lost', 'requeued') GROUP BY kind`,
  );
  for (const { kind, count } of events) tally.count(`events ${kind}`, count);
  tally.count('submits without an acknowledgement', clients.refused);
  await auditCounts(world, tally);
  await eventually(async () => (await violations(world)).length === 0, {
    intervalMs: 500,
  }).catch(() => undefined);
  for (const { violation, subject } of await violations(world)) tally.problem(`${violation}: ${subject}`);
  for (const parent of world.parents) for (const surprise of parent.surprises) tally.problem(surprise);
  return tasks;
}

/** What was counted as begun and as ended must be what the histories show, once nothing runs any more. */
async function auditCounts(world: World, tally: Tally): Promise<void> {
  const [counts] = await world.query<{ attempts: number; begun: number; ended: number }>(
    `SELECT (SELECT count(*)::int FROM task_event WHERE kind = 'started') AS attempts,
            coalesce(sum(count) FILTER (WHERE outcome = 'started'), 0)::int AS begun,
            coalesce(sum(count) FILTER (WHERE outcome NOT IN ('started', 'withdrawn')), 0)::int AS ended
     FROM (SELECT outcome, cardinality(durations_ms) AS count FROM task_tally
           UNION ALL
           SELECT outcome, count FROM task_minute) AS part`,
  );
  const { attempts = 0, begun, ended } = counts ?? {};
  tally.count('attempts', attempts);
  if (begun !== attempts || ended !== attempts)
    tally.problem(`of ${attempts} attempts ${begun} were counted as begun and ${ended} as ended`);
}

async function drain(world: World, tally: Tally): Promise<void> {
  const unfinished = () =>
    world.query<{ id: string; status: string }>(
      `SELECT id, status FROM task_state WHERE status IN ('queued', 'running') LIMIT 10`,
    );
  await eventually(async () => (await unfinished()).length === 0, {
    intervalMs: 250,
  }).catch(() => undefined);
  for (const { id, status } of await unfinished()) tally.problem(`the task ${id} is still ${status}`);
}

function readTasks(world: World): Promise<TaskRow[]> {
  return world.query<TaskRow>(
    `SELECT task_state.id, status, task_state.attempt, failures, error ->> 'code' AS code,
            coalesce((checkpoint ->> 'step')::int, 0) AS checkpoint, (input ->> 'steps')::int AS steps,
            coalesce(array_agg(effect.step ORDER BY effect.step) FILTER (WHERE step IS NOT NULL), '{}') AS effects,
            coalesce(array_agg(effect.attempt ORDER BY effect.step) FILTER (WHERE step IS NOT NULL), '{}') AS attempts
     FROM task_state LEFT JOIN effect ON task_id = task_state.id
     GROUP BY task_state.id
     ORDER BY task_state.id`,
  );
}

function faultsOf(task: TaskRow, clients: Clients): string[] {
  const { id, status, code, steps, checkpoint, effects, attempts } = task;
  const faults: string[] = [];
  // A success has its last row too; anything else has exactly the batches up to its last checkpoint.
  const expected = status === 'succeeded' ? steps + 1 : checkpoint;
  const areRight = effects.length === expected && effects.every((step, place) => step === place);
  if (!areRight) faults.push('effects are missing or doubled');
  if (attempts.some((attempt, place) => attempt < (attempts[place - 1] ?? 0)))
    faults.push('an earlier attempt wrote after a later one');
  if (status === 'failed' && code !== 'worker_lost') faults.push('a failure that nothing explains');
  if (status === 'cancelled' && !clients.askedToStop.has(id))
    faults.push('cancelled, and nobody asked for it');
  return faults;
}
