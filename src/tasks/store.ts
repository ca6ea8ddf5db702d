/** What the functions that read and change tasks work on. */
import type { Database } from '../database/database.ts';
import type { TaskQueue } from './queue/queue.ts';

export interface Store {
  readonly db: Database;
  readonly queue: TaskQueue;
  /** How long a finished task is kept. */
  readonly retentionDays: number;
  /** How long a finished task is kept, for types that have a retention of their own. */
  readonly retentionDaysByType?: Readonly<Record<string, number>>;
}
