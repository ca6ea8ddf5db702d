/** The errors that a job may throw, and those that the methods of its task context throw. */

/** A job throws this error when another try cannot help. The message is shown to people. */
export class PermanentError extends Error {
  override name = 'PermanentError';
  readonly code: string;

  constructor(message: string, options: ErrorOptions & { code?: string } = {}) {
    super(message, options);
    this.code = options.code ?? 'permanent';
  }
}

/**
 * A job's calls throw this error when its attempt has lost the task: nothing that the job writes counts any
 * more.
 */
export class LostAttempt extends Error {
  override name = 'LostAttempt';

  constructor() {
    super('This attempt no longer owns its task');
  }
}

/**
 * The reason of an aborted signal. When the job throws afterwards, the reason decides how the attempt ends.
 */
export class AttemptAborted extends Error {
  override name = 'AttemptAborted';
  readonly why: 'cancel' | 'timeout' | 'shutdown';

  constructor(why: AttemptAborted['why'], message: string) {
    super(message);
    this.why = why;
  }
}
