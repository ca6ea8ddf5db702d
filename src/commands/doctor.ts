/** `headway doctor`: looks at a live database and says what is wrong with it. */
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
Looks, on the database at DATABASE_URL or the embedded one, whether what must hold of tasks, queue entries,
workers and files does hold; whether workers are alive, a parent repairs, and retention keeps up; and for long
transactions and clocks that disagree. It says of each finding what it means, what repairs it, and what to do
otherwise. It changes nothing, and may be run at any time: what is younger than a lease (HEADWAY_LEASE_SECONDS,
as the service has it) and 7 s is not listed, as it is being put right.

It reads unfinished tasks by index: milliseconds beside a million finished ones. Finished tasks and their history
are read where there are fewer than 200,000, or with --thorough: some seconds for a million.

Exit codes: 0 nothing found, 1 findings, or it could not look, 2 bad usage.`;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at a live database and say what is wrong with it')
    .option('--thorough', 'read all finished tasks and their history as well')
    .option('--json', 'answer in JSON, for programs')
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
  const finished = facts.hasReadFinished ? 'all were read' : 'finished ones were not read: --thorough does';
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
