#!/usr/bin/env -S node --max-semi-space-size=8 --heap-growing-percent=40
/**
 * The command line. The two flags of node, here and in package.json, make it collect short-lived garbage
 * sooner: thousands of held requests that are answered once a second took half a gigabyte without the flags,
 * and a quarter of a gigabyte with them.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { withDatabase } from './commands/database.ts';
import { registerDoctor } from './commands/doctor.ts';
import { CommandError, UsageError } from './commands/exit-errors.ts';
import { registerPrune } from './commands/prune.ts';
import { say } from './commands/terminal.ts';
import { ConfigError, loadConfig, projectDir, type Role, roles } from './config.ts';
import { EmbeddedPostgresError } from './database/embedded/postgres.ts';
import { DatabaseSetupError, migrate } from './database/migrations/migrate.ts';
import { JobFileError } from './jobs/registry.ts';

import { createLog } from './logging/log.ts';

import { standardOutput } from './logging/log-output.ts';

import { startUntilSignal } from './shutdown.ts';

const { version } = JSON.parse(readFileSync(path.join(projectDir, 'package.json'), 'utf8')) as {
  version: string;
};

const program = new Command('headway')
  .description('Tells people how far their background tasks are.')
  .version(version)
  .addHelpText('after', '\nHeadway is configured by environment variables. README.md has a table of them.')
  .showHelpAfterError();

program
  .command('serve', { isDefault: true })
  .description('run the service: pages and API, and runners for the tasks')
  .addOption(
    new Option(
      '--role <role>',
      'all: everything; api: no runners; worker: no pages and API, only /healthz, /readyz and /metrics. api and worker need DATABASE_URL. Overrides HEADWAY_ROLE',
    ).choices(roles),
  )
  .action(serve);

program
  .command('migrate')
  .description('apply the migrations that the database lacks, and exit; `serve` applies them, too')
  .action(migrateOnly);

registerPrune(program);
registerDoctor(program);

await program.parseAsync().catch(explainAndExit);

async function serve({ role }: { role?: Role }): Promise<void> {
  const config = loadConfig({ ...process.env, ...(role && { HEADWAY_ROLE: role }) });
  const log = createLog(config.logLevel, 'headway');
  // Goes through the log's output, which waits for no reader.
  const announce = (line: string) => standardOutput().write(`${line}\n`);
  // Loaded here, so that the other commands start faster, and also work if a part of the service cannot be
  // loaded.
  const { Service } = await import('./service.ts');
  const service = await startUntilSignal(
    (calledOff) => Service.start(config, log, calledOff),
    config,
    (signal, graceSeconds) =>
      announce(`\n${signal}: stopping, running tasks have ${graceSeconds} s to end …`),
  );
  if (service) announce(`Headway is ready: ${service.url}`);
}

async function migrateOnly(): Promise<void> {
  const config = loadConfig(process.env);
  await withDatabase(config, async (url) => {
    const onWait = (message: string) => process.stderr.write(`headway: ${message}\n`);
    const { applied } = await migrate(url, { onWait });
    say(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}`);
  });
}

/**
 * Explains an error in one line if a person can mend it; any other error is our fault, and is shown with its
 * stack.
 */
function explainAndExit(error: unknown): void {
  const expected = [
    ConfigError,
    DatabaseSetupError,
    EmbeddedPostgresError,
    JobFileError,
    CommandError,
    UsageError,
  ];
  const isExpected = expected.some((kind) => error instanceof kind);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (isExpected && error instanceof Error) process.stderr.write(`headway: ${error.message}\n`);
  else if (code === 'EADDRINUSE')
    process.stderr.write('headway: the address of HOST and PORT is in use; set PORT to a free port\n');
  else if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
    process.stderr.write(
      `headway: cannot listen on HOST and PORT (${code}); set HOST to an address of this machine, and PORT to a port that you may use\n`,
    );
  } else
    process.stderr.write(`headway: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
