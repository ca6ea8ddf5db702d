/**
 * The names of Headway's tables, channels and locks in PostgreSQL. Every statement takes them from here and
 * writes the schema out, so that no search_path decides which table is meant. The tables of Prisma's models
 * are named in schema.prisma, too; pg-boss's names are in `tasks/queue/boss.ts`.
 */
const schema = 'public';

/** A table of Headway's schema, as statements name it. */
export function tableName(table: string): string {
  return `${schema}.${table}`;
}

export const tables = {
  taskState: tableName('task_state'),
  taskEvent: tableName('task_event'),
  worker: tableName('worker'),
  file: tableName('file'),
  fileChunk: tableName('file_chunk'),
  taskTally: tableName('task_tally'),
  taskMinute: tableName('task_minute'),
  taskUsual: tableName('task_usual'),
} as const;

/** The enum of `task_state.status`. */
export const taskStatusType = `${schema}.task_status`;

/** The channels of NOTIFY. */
export const channels = {
  /** Whoever sends a due entry notifies with the name of its queue, in the same transaction. */
  work: 'headway_queue',
  /** A flush of progress notifies with the id of each task that it has written. */
  progress: 'headway_progress',
} as const;

/** The keys of advisory locks. The numbers mean nothing, but must be the same in every process. */
export const advisoryLocks = {
  /** Of all processes on a database, only one at a time reaps and repairs. */
  repair: [1_212_503, 1],
  /** Only one process at a time deletes tasks that have expired. */
  retention: [1_212_503, 2],
  /** Only one process at a time folds the tally. */
  tally: [1_212_503, 3],
  /**
   * Only one process at a time migrates. Prisma uses the same key, so that its migrations and ours exclude
   * each other.
   */
  migration: 72_707_369,
} as const;
