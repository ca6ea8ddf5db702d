/** What a job may throw, and what its calls may throw at it. */

/** Thrown by a job: trying again cannot help. The message is shown to people. */
export class PermanentError extends Error {
  override name = 'PermanentError';
  readonly code: string;

  constructor(message: string, options: ErrorOptions & { code?: string } = {}) {
    super(message, options);
    this.code = options.code ?? 'permanent';
  }
}

/** Thrown at a job: the task was taken from this attempt, and nothing that it writes counts any more. */
export class LostAttempt extends Error {
  override name = 'LostAttempt';

  constructor() {
    super('This attempt no longer owns its task');
  }
}

/** Why an attempt's signal was aborted: it decides what a throw afterwards means. */
export class AttemptAborted extends Error {
  override name = 'AttemptAborted';
  readonly why: 'cancel' | 'timeout' | 'shutdown';

  constructor(why: AttemptAborted['why'], message: string) {
    super(message);
    this.why = why;
  }
}
