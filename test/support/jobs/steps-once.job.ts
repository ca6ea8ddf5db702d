import steps from './steps.job.ts';

/** The same, with one try: whatever counts as a failure ends it. */
export default { ...steps, type: 'steps-once', maxAttempts: 1 };
