/** The errors with which a command of the command line ends. */

/** The command line is wrong, such as an unknown option or a bad value: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The command could not do its work; the message says why and what to do: exit code 1. */
export class CommandError extends Error {
  override name = 'CommandError';
}
