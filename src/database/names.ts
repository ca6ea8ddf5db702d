/**
 * The names of what Headway has in PostgreSQL. Every statement takes them from here and writes the schema out, so that
 * no search_path decides which table is meant. Prisma's models have theirs in schema.prisma; those of pg-boss are in
 * `tasks/queue/boss.ts`.
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
} as const;

/** The enum of `task_state.status`. */
export const taskStatusType = `${schema}.task_status`;

/** Channels of NOTIFY. */
export const channels = {
  /** A submit names the queue that has work: in the transaction that made the entry. */
  work: 'headway_queue',
  /** A flush of progress names each task that it has written. */
  progress: 'headway_progress',
} as const;

/** Keys of advisory locks: any numbers, the same in every process. */
export const advisoryLocks = {
  /** Of all processes on a database, one at a time reaps and repairs. */
  repair: [1_212_503, 1],
  /** One at a time deletes what has expired. */
  retention: [1_212_503, 2],
  /** One at a time migrates: the key that Prisma takes, so that its migrations and ours exclude each other. */
  migration: 72_707_369,
} as const;
