/** `headway doctor`: examines a live database and says what is wrong with it. */
import { formatCount } from '../../public/format.js';
import { loadConfig } from '../config.ts';
import { EmbeddedPostgresError } from '../database/embedded/embedded-error.ts';
import { DatabaseSetupError } from '../database/startup/setup-error.ts';
import { type Diagnosis, examine, type Facts, unreachable } from '../doctor/doctor.ts';
import type { Finding } from '../doctor/finding.ts';
import { loadExtensions } from '../extensions.ts';
import { withDatabase } from './database.ts';
import { plain, say } from './terminal.ts';

/** Prints the diagnosis, and sets the exit code by it. */
export async function diagnose({ thorough, json }: { thorough?: true; json?: true }): Promise<void> {
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
