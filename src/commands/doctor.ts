/** `headway doctor`: examines a live database and says what is wrong with it. */
import type { Command } from 'commander';
import { formatCount } from '../../public/format.js';
import { loadConfig } from '../config.ts';
import { EmbeddedPostgresError } from '../database/embedded/postgres.ts';
import { DatabaseSetupError } from '../database/startup/setup-error.ts';
import { type Diagnosis, examine, type Facts, unreachable } from '../doctor/doctor.ts';
import type { Finding } from '../doctor/finding.ts';
import { loadExtensions } from '../extensions.ts';
import { withDatabase } from './database.ts';
import { plain, say } from './terminal.ts';

const help = `
Examines the database at DATABASE_URL, or the embedded one. It checks that tasks, queue entries, workers and files
are consistent, that workers are alive, that a parent runs and repairs, and that retention keeps up; and it looks for
long transactions and for clocks that disagree. For each finding it prints what the finding means, what repairs it by
itself, and what to do if nothing does.

It changes nothing, and you may run it at any time. A violation younger than a lease and 7 s is not listed, because
the service is still repairing it. So set HEADWAY_LEASE_SECONDS as it is set for the service.

Unfinished tasks are read by index, which takes milliseconds, also beside a million finished tasks. Finished tasks and
their history are read if there are fewer than 200,000 tasks, or with --thorough, which takes some seconds for a
million.

Exit codes: 0 nothing is wrong, 1 findings, or the database could not be examined, 2 bad usage.`;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('examine a live database and say what is wrong with it')
    .option('--thorough', 'also read all finished tasks and their history')
    .option('--json', 'print JSON, for programs')
    .addHelpText('after', help)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(diagnose);
}

async function diagnose({ thorough, json }: { thorough?: true; json?: true }): Promise<void> {
  const config = loadConfig(process.env);
  const rules = (await loadExtensions()).flatMap(({ invariants }) => invariants ?? []);
  const finished = thorough ? 'always' : 'auto';
  const options = { leaseSeconds: config.leaseSeconds, finished, rules } as const;
  const diagnosis = await withDatabase(config, (url) => examine(url, options)).catch((error) => {
    if (!(error instanceof EmbeddedPostgresError || error instanceof DatabaseSetupError)) throw error;
    return unreachable(error.message);
  });
  if (json) say(JSON.stringify(diagnosis, null, 2));
  else for (const line of describe(diagnosis)) say(line);
  process.exitCode = diagnosis.isHealthy ? 0 : 1;
}

function describe({ database, facts, findings }: Diagnosis): string[] {
  return [
    ...(facts ? describeFacts(database, facts) : []),
    ...findings.flatMap(describeFinding),
    findings.length === 0 ? 'Nothing is wrong.' : `${formatCount(findings.length, 'finding')}.`,
  ];
}

function describeFacts(database: string, facts: Facts): string[] {
  const { serverVersion, latencyMs, queued, running, workers, slots, parentConnections, estimatedTasks } =
    facts;
  const finished = facts.hasReadFinished
    ? 'all were read'
    : 'finished tasks were not read: use --thorough to read them';
  return [
    `Database  ${database}: PostgreSQL ${serverVersion}, answers in ${latencyMs.toFixed(1)} ms, migrated`,
    `Tasks     ${queued.toLocaleString('en')} queued, ${running.toLocaleString('en')} running, about ${estimatedTasks.toLocaleString('en')} in all (${finished})`,
    `Workers   ${workers === 0 ? 'none' : formatCount(workers, 'worker')} alive, ${formatCount(slots, 'slot')}`,
    `Parents   ${parentConnections === 0 ? 'none seems to run' : 'at least one runs, and repairs'}`,
    '',
  ];
}

function describeFinding({ what, count, examples, meaning, repair, otherwise }: Finding): string[] {
  return [
    `! ${what.charAt(0).toUpperCase()}${what.slice(1)}${count > 1 ? ` (${count.toLocaleString('en')})` : ''}`,
    ...examples.map((example) => `    ${plain(example, 300)}`),
    ...(examples.length < count && examples.length > 0 ? ['    …'] : []),
    `  Meaning:   ${meaning}`,
    `  Repair:    ${repair}`,
    `  Otherwise: ${otherwise}`,
    '',
  ];
}
