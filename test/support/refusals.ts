/** What a statement throws, through each of our ways to ask PostgreSQL. */
import { type Database, openDatabase } from '../../src/database/database.ts';
import type { Settings } from '../../src/database/session.ts';
import { eventually } from './eventually.ts';

/** Of node-postgres, and of Prisma. */
export async function refusals(url: string, statement: string, settings: Settings = {}): Promise<unknown[]> {
  const db = openDatabase(url, { name: 'errors', settings });
  await connect(db);
  const errors = await errorsOf(db, statement);
  await db.close();
  return errors;
}

/** The same on connections that are there already, or that cannot be had. */
export function errorsOf({ pool, prisma }: Database, statement: string): Promise<unknown[]> {
  return Promise.all([
    pool.query(statement).catch((error: unknown) => error),
    prisma.$executeRawUnsafe(statement).catch((error: unknown) => error),
  ]);
}

/** A busy machine may take longer for a connection than is allowed, and it is the statement that is to be refused. */
async function connect({ pool, prisma }: Database): Promise<void> {
  await eventually(() => Promise.all([pool.query('SELECT 1'), prisma.$executeRaw`SELECT 1`]));
}
