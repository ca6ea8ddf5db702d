/** How errors are classified that PostgreSQL reports to Prisma's models, as in the callbacks of jobs. */
import { expect, it } from 'vitest';
import { isConnectionError, isPassingError } from '../../src/database/error-kinds.ts';
import { submit } from '../support/service.ts';
import { useStore } from '../support/tasks.ts';

const store = useStore();

/** The error of a write by a model whose row a trigger refuses in this way. */
async function errorOf(refusal: string): Promise<unknown> {
  const { id } = await submit(store, 'noop', null);
  await store.db.pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${refusal}; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON task_state FOR EACH ROW EXECUTE FUNCTION refuse()`);
  try {
    return await store.db.prisma.taskState
      .update({ where: { id }, data: { title: 'x' } })
      .catch((error: unknown) => error);
  } finally {
    await store.db.pool.query('DROP FUNCTION refuse CASCADE');
  }
}

it.each([
  ['a rule that the row breaks', `RAISE EXCEPTION 'no' USING ERRCODE = '23514'`],
  ['an exception of a trigger', `RAISE EXCEPTION 'not so'`],
  ['a division by zero', 'NEW.message := (1 / 0)::text'],
])('%s: does not pass, so that the attempt fails instead of trying on', async (_what, refusal) => {
  const error = await errorOf(refusal);

  expect(error).toBeInstanceOf(Error);
  expect([isConnectionError(error), isPassingError(error)]).toEqual([false, false]);
});

it.each([
  ['a server that shuts down', '57P01', true],
  ['a server that starts up', '57P03', true],
  ['a full disk', '53100', false],
  ['a deadlock', '40P01', false],
])('%s: passes', async (_what, code, isConnection) => {
  const error = await errorOf(`RAISE EXCEPTION 'later' USING ERRCODE = '${code}'`);

  expect([isConnectionError(error), isPassingError(error)]).toEqual([isConnection, true]);
});
