#!/usr/bin/env -S node --max-semi-space-size=8 --heap-growing-percent=40
/**
 * The command line. The two flags, here and in package.json, keep what has just been thrown away from piling
 * up: thousands of held requests, let go once a second, took half a gigabyte without them, and a quarter with.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { withDatabase } from './commands/database.ts';
import { registerDoctor } from './commands/doctor.ts';
import { CommandError, UsageError } from './commands/errors.ts';
import { registerPrune } from './commands/prune.ts';
import { say } from './commands/terminal.ts';
import { ConfigError, loadConfig, projectDir, type Role, roles } from './config.ts';
import { EmbeddedPostgresError } from './database/embedded/postgres.ts';
import { DatabaseSetupError, migrate } from './database/migrate.ts';
import { JobFileError } from './jobs/registry.ts';
import { createLog } from './log.ts';
import { standardOutput } from './log-output.ts';
import { startUntilSignal } from './shutdown.ts';

const { version } = JSON.parse(readFileSync(path.join(projectDir, 'package.json'), 'utf8')) as {
  version: string;
};

const program = new Command('headway')
  .description('Tells people how far their background tasks are.')
  .version(version)
  .addHelpText('after', '\nConfiguration is by environment variables: the table is in README.md.')
  .showHelpAfterError();

program
  .command('serve', { isDefault: true })
  .description('run the service: pages and API, and runners for the tasks')
  .addOption(
    new Option(
      '--role <role>',
      'api: no runners; worker: no pages and API, only /healthz, /readyz and /metrics; both need DATABASE_URL. Instead of HEADWAY_ROLE',
    ).choices(roles),
  )
  .action(serve);

program
  .command('migrate')
  .description('bring the database up to date and stop; `serve` does it too')
  .action(migrateOnly);

registerPrune(program);
registerDoctor(program);

await program.parseAsync().catch(explainAndExit);

async function serve({ role }: { role?: Role }): Promise<void> {
  const config = loadConfig({ ...process.env, ...(role && { HEADWAY_ROLE: role }) });
  const log = createLog(config.logLevel, 'headway');
  // By way of the log's output, which waits for no reader.
  const announce = (line: string) => standardOutput().write(`${line}\n`);
  // Loaded here: the other commands start faster without it, and work also where a part of it does not.
  const { Service } = await import('./service.ts');
  const service = await startUntilSignal(
    (calledOff) => Service.start(config, log, calledOff),
    config,
    (signal, graceSeconds) => announce(`\n${signal}: stopping, running tasks have ${graceSeconds} s …`),
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

/** What a person can mend is said in a line; anything else is a fault of ours, with its stack. */
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
    process.stderr.write('headway: HOST and PORT are in use; set PORT to a free one\n');
  else if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
    process.stderr.write(
      `headway: cannot listen on HOST and PORT (${code}); set them to ones that are yours\n`,
    );
  } else
    process.stderr.write(`headway: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
