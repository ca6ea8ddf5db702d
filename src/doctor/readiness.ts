/** Whether the database can be used at all: its tables, and the queue's. */
import type { Connection } from '../database/database.ts';

import { planMigrations, readApplied, readMigrations } from '../database/migrations/migrations.ts';
import { DatabaseSetupError } from '../database/startup/setup-error.ts';
import { isInstalledSql } from '../tasks/queue/boss.ts';

import type { Finding } from './finding.ts';

/** Nothing else can be examined where there is one. */
export async function examineReadiness(connection: Connection): Promise<Finding[]> {
  return (await examineMigrations(connection)) ?? (await examineQueue(connection)) ?? [];
}

async function examineMigrations(connection: Connection): Promise<Finding[] | undefined> {
  const finding = { count: 1, meaning: 'This Headway cannot work on this database.' };
  try {
    const pending = planMigrations(await readMigrations(), await readApplied(connection));
    if (pending.length === 0) return undefined;
    return [
      {
        ...finding,
        check: 'migrations-pending',
        what: 'the database waits for migrations',
        count: pending.length,
        examples: pending.map(({ name }) => name),
        repair: 'A parent does as it starts.',
        otherwise: 'headway migrate',
      },
    ];
  } catch (error) {
    if (!(error instanceof DatabaseSetupError)) throw error;
    return [
      {
        ...finding,
        check: 'migrations-differ',
        what: 'the database was migrated by another Headway',
        examples: [error.message],
        repair: 'Nothing does.',
        otherwise: 'Do as it says.',
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
      what: "the queue's tables are not there",
      count: 1,
      examples: [],
      meaning: 'No parent has ever run on this database, or the schema of its queue was dropped.',
      repair: 'A parent does as it starts, and queues again what waits.',
      otherwise: 'headway serve',
    },
  ];
}
