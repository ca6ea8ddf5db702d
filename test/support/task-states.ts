/** A task as tests see it: in its row, or in the JSON of the API. */

/** The JSON of a task, as far as tests read it. */
export interface TaskBody {
  readonly id: string;
  readonly title: string;
  readonly key: string | null;
  readonly group: string | null;
  readonly status: string;
  readonly cancelRequested: boolean;
  readonly attempt: number;
  readonly failures: number;
  readonly percentDone: number;
  readonly done: number | null;
  readonly finishedAt: string | null;
  readonly error: { code: string; message: string } | null;
  readonly result: Record<string, unknown> | null;
  readonly links: { self: string };
}
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
