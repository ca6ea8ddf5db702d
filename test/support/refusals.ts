/** The errors that a statement throws through each of Headway's two clients of PostgreSQL. */
import { type Database, openDatabase } from '../../src/database/database.ts';
import type { Settings } from '../../src/database/pg-client.ts';
import { eventually } from './eventually.ts';

/** The errors of node-postgres and of Prisma, on new connections. */
export async function refusals(url: string, statement: string, settings: Settings = {}): Promise<unknown[]> {
  const db = openDatabase(url, { name: 'errors', settings });
  await connect(db);
  const errors = await errorsOf(db, statement);
  await db.close();
  return errors;
}

/**
 * The errors of node-postgres and of Prisma on pools that have connections already, or that cannot get any.
 */
export function errorsOf({ pool, prisma }: Database, statement: string): Promise<unknown[]> {
  return Promise.all([
    pool.query(statement).catch((error: unknown) => error),
    prisma.$executeRawUnsafe(statement).catch((error: unknown) => error),
  ]);
}

/**
 * Opens the connections first: on a busy machine they may time out, but the test is about the statement's
 * error.
 */
async function connect({ pool, prisma }: Database): Promise<void> {
  await eventually(() => Promise.all([pool.query('SELECT 1'), prisma.$executeRaw`SELECT 1`]));
}
