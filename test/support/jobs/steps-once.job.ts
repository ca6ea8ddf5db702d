import steps from './steps.job.ts';

/** The job `steps` with one try: any failure ends the task. */
export default { ...steps, type: 'steps-once', maxAttempts: 1 };
