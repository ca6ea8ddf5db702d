/** Whether the database can be used at all: whether it has all tables of Headway and of the queue. */
import type { Connection } from '../database/database.ts';

import { planMigrations, readApplied, readMigrations } from '../database/migrations/migrations.ts';
import { DatabaseSetupError } from '../database/startup/setup-error.ts';
import { isInstalledSql } from '../tasks/queue/boss.ts';

import type { Finding } from './finding.ts';

/** Finds what keeps the database from being used. If there is a finding, nothing else can be examined. */
export async function examineSetup(connection: Connection): Promise<Finding[]> {
  return (await examineMigrations(connection)) ?? (await examineQueue(connection)) ?? [];
}

async function examineMigrations(connection: Connection): Promise<Finding[] | undefined> {
  const finding = { count: 1, meaning: 'This version of Headway cannot work on this database.' };
  try {
    const pending = planMigrations(await readMigrations(), await readApplied(connection));
    if (pending.length === 0) return undefined;
    return [
      {
        ...finding,
        check: 'migrations-pending',
        what: 'the database lacks migrations',
        count: pending.length,
        examples: pending.map(({ name }) => name),
        repair: 'By the next parent that starts.',
        otherwise: 'Run headway migrate.',
      },
    ];
  } catch (error) {
    if (!(error instanceof DatabaseSetupError)) throw error;
    return [
      {
        ...finding,
        check: 'migrations-differ',
        what: 'the migrations of the database do not fit this version of Headway',
        examples: [error.message],
        repair: 'None by itself.',
        otherwise: 'Do what the line above says.',
      },
    ];
  }
}

async function examineQueue(connection: Connection): Promise<Finding[] | undefined> {
  const { rows } = await connection.query<{ exists: boolean }>(`SELECT ${isInstalledSql} AS exists`);
  if (rows[0]?.exists) return undefined;
  return [
    {
      check: 'queue-missing',
      what: 'the tables of the queue are missing',
      count: 1,
      examples: [],
      meaning: 'No parent has ever run on this database, or the schema of its queue was dropped.',
      repair: 'By the next parent that starts: it creates the tables, and new entries for all queued tasks.',
      otherwise: 'Run headway serve.',
    },
  ];
}
