/** How a command of the command line ends otherwise than well. */

/** What was asked for cannot be done as it was written: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** It could not be done; the message says why and what to do: exit code 1. */
export class CommandError extends Error {
  override name = 'CommandError';
}
