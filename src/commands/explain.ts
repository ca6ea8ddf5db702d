/** How the command line ends with an error. */
import { ConfigError } from '../config.ts';
import { EmbeddedPostgresError } from '../database/embedded/embedded-error.ts';
import { DatabaseSetupError } from '../database/startup/setup-error.ts';
import { JobFileError } from '../jobs/registry.ts';
import { CommandError, UsageError } from './exit-errors.ts';

/**
 * Explains an error in one line if a person can mend it; any other error is our fault, and is shown with its
 * stack.
 */
export function explainAndExit(error: unknown): never {
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
