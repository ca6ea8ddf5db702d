/** What tests wait for in a task, whether they read its row or the JSON of the API. */
interface SeenTask {
  readonly status: string;
  readonly done: number | null;
  readonly finishedAt: Date | string | null;
}

export const isFinished = ({ finishedAt }: Pick<SeenTask, 'finishedAt'>) => finishedAt !== null;

export const isRunning = ({ status }: Pick<SeenTask, 'status'>) => status === 'running';

/** True for a task that runs and has reported progress. */
export const isUnderWay = (task: Pick<SeenTask, 'status' | 'done'>) =>
  isRunning(task) && (task.done ?? 0) > 0;
