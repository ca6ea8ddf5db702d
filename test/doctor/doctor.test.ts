import { describe, expect, it } from 'vitest';
import { type Diagnosis, examine } from '../../src/doctor/doctor.ts';
import { explanations } from '../../src/doctor/explanations.ts';
import { examineTransactions } from '../../src/doctor/surroundings.ts';
import { loadExtensions } from '../../src/extensions.ts';
import { invariantsWith } from '../../src/tasks/invariants.ts';
import { newId } from '../../src/tasks/model/ids.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { addFinished } from '../support/finished.ts';
import { openConnection } from '../support/locks.ts';
import { type Plan, scansOf } from '../support/plans.ts';
import { submit } from '../support/service.ts';
import { runTask, startWorker, takeAll, useStore } from '../support/tasks.ts';

const store = useStore();
const extensions = await loadExtensions();
const rules = extensions.flatMap(({ invariants: own }) => own ?? []);
const look = () => examine(store.url, { leaseSeconds: 15, finished: 'auto', rules });
const checksOf = ({ findings }: Diagnosis) => findings.map((finding) => finding.check).sort();
const sql = (text: string) => store.db.pool.query(text);

/** Pretends that a parent runs: a connection with its name that was just used. */
async function pretendParent() {
  const parent = await openConnection(store);
  await parent.query(`SET application_name = 'headway'`);
  return parent;
}

describe('the doctor', () => {
  it('finds nothing if all is well', async () => {
    await using _parent = await pretendParent();
    await addFinished(store.db.pool, { count: 20, expireInDays: 1 });
    await runTask(store);
    await submit(store, 'noop', null);

    const diagnosis = await look();

    expect(diagnosis).toMatchObject({
      isHealthy: true,
      findings: [],
      facts: { queued: 1, running: 1, workers: 1, slots: 10, hasReadFinished: true },
    });
    expect(diagnosis.facts?.parentConnections).toBeGreaterThan(0);
  });

  it('does not report violations that are too young to have been repaired', async () => {
    await using _parent = await pretendParent();
    await runTask(store);
    await submit(store, 'noop', null);
    await startWorker(store);
    await sql(
      `UPDATE worker SET lost_at = now() WHERE id = (SELECT worker_id FROM task_state WHERE status = 'running')`,
    );
    await sql(`UPDATE pgboss.job SET state = 'active', started_on = now() WHERE state < 'active'`);
    await store.queue.send([{ id: newId(), taskId: newId(), type: 'noop', losses: 0 }], store.db.pool);

    expect(checksOf(await look())).toEqual([]);
  });

  it('reports a lasting violation with its count, examples, meaning and remedy', async () => {
    await using _parent = await pretendParent();
    await startWorker(store);
    for (let task = 0; task < 7; task += 1) await submit(store, 'noop', null);
    await sql('DELETE FROM pgboss.job');
    await sql(`UPDATE task_state SET updated_at = now() - interval '30 seconds'`);

    const { isHealthy, findings } = await look();

    expect(isHealthy).toBe(false);
    expect(findings).toMatchObject([{ check: 'queued-without-entry', count: 7 }]);
    expect(findings[0]?.examples).toHaveLength(5);
    for (const text of [findings[0]?.meaning, findings[0]?.repair, findings[0]?.otherwise])
      expect(text).toMatch(/\w/);
  });

  it('reports an entry whose task does not wait for it, once that has lasted', async () => {
    await store.queue.send([{ id: newId(), taskId: newId(), type: 'noop', losses: 0 }], store.db.pool);
    await sql(`UPDATE pgboss.job SET created_on = now() - interval '30 seconds'`);

    expect(checksOf(await look())).toEqual(['stray-entry']);
  });

  it('tells that the next claim takes the worker off a queued task', async () => {
    await using _parent = await pretendParent();
    const task = await submit(store, 'noop', null);
    await sql('UPDATE task_state SET worker_id = gen_random_uuid()');

    const { findings } = await look();

    expect(findings).toMatchObject([{ check: 'worker-of-no-use', examples: [task.id] }]);
    expect(findings[0]?.repair).toContain('next claim');
    await takeAll(store, await startWorker(store));
    expect(checksOf(await look())).toEqual([]);
  });

  it('reports missing workers and a missing parent if there is work', async () => {
    await submit(store, 'noop', null);
    await sql(`UPDATE task_state SET updated_at = now() - interval '11 seconds'`);

    expect(checksOf(await look())).toEqual(['no-parent', 'no-worker']);
  });

  it('reports neither without work', async () => {
    expect(checksOf(await look())).toEqual([]);
  });

  it('finds tasks of a type that no worker has code for, and names the type', async () => {
    await using _parent = await pretendParent();
    await startWorker(store, 3600, ['noop', 'counts']);
    await submit(store, 'noop', null);
    await submit(store, 'steps', null);
    await submit(store, 'steps', null);
    await sql(`UPDATE task_state SET updated_at = now() - interval '11 seconds'`);

    const { findings } = await look();

    expect(findings).toMatchObject([{ check: 'no-code', count: 2, examples: ['steps (2)'] }]);
    await startWorker(store, 3600, ['steps']);
    expect(checksOf(await look())).toEqual([]);
  });

  it('assumes that a worker of an earlier version may have code for any type', async () => {
    await using _parent = await pretendParent();
    await startWorker(store, 3600, ['counts']);
    await sql('UPDATE worker SET types = NULL');
    await submit(store, 'noop', null);
    await sql(`UPDATE task_state SET updated_at = now() - interval '11 seconds'`);

    expect(checksOf(await look())).toEqual([]);
  });

  it('finds workers that fell silent', async () => {
    await using _parent = await pretendParent();
    await runTask(store);
    await sql(`UPDATE worker SET lease_expires_at = now() - interval '1 minute'`);

    expect(checksOf(await look())).toEqual(['silent-worker']);
  });

  it('finds expired tasks that retention has not deleted', async () => {
    await addFinished(store.db.pool, { count: 3, expireInDays: -1 });
    await addFinished(store.db.pool, { count: 3, expireInDays: -0.01 });

    expect((await look()).findings).toMatchObject([{ check: 'expired-tasks', count: 3 }]);
  });

  it('finds transactions that were left open, and names their programs', async () => {
    await using careless = await openConnection(store);
    await careless.query(`SET application_name = 'careless'`);
    await careless.query('BEGIN');
    await careless.query('SELECT 1');
    await using asking = await openConnection(store);

    const [finding] = await examineTransactions(asking, 0);

    expect(finding).toMatchObject({ check: 'long-transaction' });
    expect(finding?.examples.join('\n')).toMatch(
      /process \d+ \(careless, database \w+, idle in transaction\): \d+ s/,
    );
  });

  it('finds a clock that was set back, by the times when workers were last heard from', async () => {
    await using _parent = await pretendParent();
    await runTask(store);
    await sql(`UPDATE worker SET heard_at = now() + interval '1 hour'`);

    expect(checksOf(await look())).toEqual(['clock-set-back']);
  });

  it('finds a broken row among finished tasks, if these are few or --thorough is given', async () => {
    const [broken = ''] = await addFinished(store.db.pool, { count: 3, expireInDays: 1 });
    await sql(`UPDATE task_state SET result = NULL WHERE id = '${broken}'`);

    expect((await look()).findings).toMatchObject([
      { check: 'success-without-result', count: 1, examples: [broken] },
    ]);
    expect((await examine(store.url, { leaseSeconds: 15, finished: 'always', rules })).isHealthy).toBe(false);
  });

  it('tells how to migrate a database that was never migrated', async () => {
    const database = await createEmptyDatabase();

    const diagnosis = await examine(database.url, { leaseSeconds: 15, finished: 'auto', rules });
    await database.drop();

    expect(diagnosis).toMatchObject({
      isHealthy: false,
      findings: [{ check: 'migrations-pending', otherwise: 'Run headway migrate.' }],
    });
  });

  it('tells why a database does not answer', async () => {
    const diagnosis = await examine('postgresql://u:secret-word@localhost:1/none', {
      leaseSeconds: 15,
      finished: 'auto',
      rules,
    });

    expect(checksOf(diagnosis)).toEqual(['database-unreachable']);
    expect(JSON.stringify(diagnosis)).not.toContain('secret-word');
  });

  it('explains each possible violation, under its own name', async () => {
    const { unfinished, finished } = invariantsWith(rules);
    const sql = [unfinished, finished].join('\n');
    const words = sql.matchAll(/(?:SELECT |THEN |^ {2}\()'([^']{10,})'/gm);

    const explained = Object.assign({}, explanations, ...rules.map((rule) => rule.explanations));
    expect(new Set(Object.keys(explained))).toEqual(new Set([...words].map(([, rule]) => rule)));
    const checks = Object.values<{ check: string }>(explained).map(({ check }) => check);
    expect(new Set(checks).size).toBe(checks.length);
  });

  it('reads no finished task for its first part, however many there are', async () => {
    await addFinished(store.db.pool, { count: 2_000 });
    for (let task = 0; task < 5; task += 1) await submit(store, 'noop', null);
    await sql('ANALYZE task_state, task_event, file');
    const { unfinished } = invariantsWith();
    await using client = await openConnection(store);

    await client.query('SET enable_seqscan = off');
    const { rows } = await client.query<{ 'QUERY PLAN': Plan[] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${unfinished}`,
    );

    const plan = rows[0]?.['QUERY PLAN'][0];
    const scans = plan ? [...scansOf(plan, 'task_state'), ...scansOf(plan, 'task_event')] : [];
    expect(scans.length).toBeGreaterThan(0);
    expect(scans.filter(({ rows }) => rows > 10)).toEqual([]);
  });
});
