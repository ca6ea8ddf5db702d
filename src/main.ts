#!/usr/bin/env -S node --max-semi-space-size=8 --heap-growing-percent=40
/**
 * The command line. The two flags of node, here and in package.json, make it collect short-lived garbage
 * sooner: thousands of held requests that are answered once a second took half a gigabyte without the flags,
 * and a quarter of a gigabyte with them.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { registerCommands } from './commands/options.ts';
import { loadConfig, projectDir, type Role, roles } from './config.ts';
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

registerCommands(program);

// What a command needs is loaded when it runs, so that PostgreSQL starts early, and commands start fast.
await program.parseAsync().catch(async (error) => {
  const { explainAndExit } = await import('./commands/explain.ts');
  explainAndExit(error);
});

async function serve({ role }: { role?: Role }): Promise<void> {
  const config = loadConfig({ ...process.env, ...(role && { HEADWAY_ROLE: role }) });
  // Goes through the log's output, which waits for no reader.
  const announce = (line: string) => standardOutput().write(`${line}\n`);
  const { startService } = await import('./start.ts');
  const service = await startUntilSignal(
    (calledOff) => startService(config, calledOff),
    config,
    (signal, graceSeconds) =>
      announce(`\n${signal}: stopping, running tasks have ${graceSeconds} s to end …`),
  );
  if (service) announce(`Headway is ready: ${service.url}`);
}
