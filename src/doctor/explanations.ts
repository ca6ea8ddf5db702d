/** What each violation of the invariants means, what repairs it, and what to do otherwise. */
import { tables } from '../database/names.ts';
import type { Explanation } from './finding.ts';

const byReaper = 'The reaper of any running parent, within seconds of the end of a lease.';
export const byNobody = 'Nothing does: Headway never writes such a row.';
const startOne = 'See that a parent runs on this database (headway serve) and look for "reaper" in its log.';
const wasChanged =
  'Somebody or something changed it by hand, or restored a part of a backup, or this is a fault of Headway: please report it, with the rows of the task in task_state and task_event.';

/** By the words of `invariants.sql`. */
export const explanations: Readonly<Record<string, Explanation>> = {
  'a queued task has no entry that waits': {
    check: 'queued-without-entry',
    meaning:
      'These tasks wait, and no runner will ever hear of them: their queue entry was taken by a runner that died before it began, or was deleted, cancelled, expired or changed by hand: it names another task, or is held back for longer than the task waits.',
    repair: `${byReaper} It gives each a new entry; no try is spent.`,
    otherwise: startOne,
  },
  'an entry waits for no queued task': {
    check: 'stray-entry',
    meaning:
      'These queue entries wait for tasks that are gone or do not wait for them, or were changed so that they wake nobody. A runner that takes one does nothing; until then they look like waiting work.',
    repair: `${byReaper} It settles them.`,
    otherwise: startOne,
  },
  'a task waits for another time than its entry': {
    check: 'crossed-times',
    meaning: 'The page names another time for the next try than the one at which it will be made.',
    repair: 'The next try does: the time of the entry is the one that counts.',
    otherwise: wasChanged,
  },
  'a running task has no worker, or a lost one': {
    check: 'running-without-worker',
    meaning: 'Nobody works on these tasks, and their pages say "running": their worker is gone.',
    repair: `${byReaper} They go on from their last checkpoint, or fail where no try is left.`,
    otherwise: startOne,
  },
  'a worker is silent, and nobody has given it up': {
    check: 'silent-worker',
    meaning:
      'The lease of these workers has lapsed: the process is dead, frozen, or cannot reach the database. What it was running stands still.',
    repair: `${byReaper} It gives the worker up, and its tasks go on elsewhere.`,
    otherwise: startOne,
  },
  'a running external task has no lease': {
    check: 'external-without-lease',
    meaning: 'Should the program that works on it die, nobody would notice.',
    repair: 'Its next report does.',
    otherwise: wasChanged,
  },
  'a task that does not wait has an entry, or a time for its next try': {
    check: 'entry-of-no-use',
    meaning: 'The row says that the task is queued, and that it is not.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'a task that does not run has a worker': {
    check: 'worker-of-no-use',
    meaning: 'The row says that the task runs, and that it does not.',
    repair: 'The next claim of a task that is queued does; of one that has finished, nothing.',
    otherwise: wasChanged,
  },
  'an unfinished task says that it has finished': {
    check: 'unfinished-with-end',
    meaning:
      'It has a result, or a time at which it finished or expires, while it is still queued or running.',
    repair: 'The end of the task writes them anew.',
    otherwise: wasChanged,
  },
  'a queued task was asked to stop': {
    check: 'queued-cancelled',
    meaning: 'It should have been cancelled at once, and will be run instead.',
    repair: 'The end of its next attempt: it is cancelled then, unless it has succeeded.',
    otherwise: `${wasChanged} To cancel it now, set cancel_requested_at to NULL and cancel it again.`,
  },
  'a task that has used up its tries goes on': {
    check: 'tries-used-up',
    meaning: 'It should have failed when the last of its tries did.',
    repair: 'Its next failure, or success, ends it.',
    otherwise: wasChanged,
  },
  'more failures than attempts': {
    check: 'failures-above-attempts',
    meaning: 'The row counts failures of attempts that were never made.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'the history does not tell of each attempt once': {
    check: 'history-of-attempts',
    meaning: 'The page shows more or fewer attempts than there were. The task itself is not affected.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'a file that nobody owns was left': {
    check: 'file-without-task',
    meaning: 'Uploads that broke off, or files of deleted tasks, take up room. Nobody can reach them.',
    repair: 'The sweep of any running parent, once a minute.',
    otherwise:
      'See that a parent runs on this database (headway serve), or run headway prune: it sweeps as well.',
  },
  'a finished task does not say when it finished, or until when it is kept': {
    check: 'finished-without-times',
    meaning: 'Retention will never delete it.',
    repair: byNobody,
    otherwise: `${wasChanged} Where it has finished_at, headway prune deletes it.`,
  },
  'a success has no result, or an error': {
    check: 'success-without-result',
    meaning: 'Whoever asks for the result gets none, or is told of an error that there was not.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'a failure or a cancel has no error, or a result': {
    check: 'failure-without-error',
    meaning: 'Whoever asks why it failed is not told, or is given a result that does not count.',
    repair: 'A retry of the task does.',
    otherwise: wasChanged,
  },
  'a cancelled task was never asked to stop': {
    check: 'cancelled-unasked',
    meaning: 'Nobody knows who cancelled it, or when.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'the history does not end with the end, or goes on after it': {
    check: 'history-of-end',
    meaning:
      'The page does not show how the task ended, or shows what happened to it afterwards. The task itself is not affected.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'a history has no task': {
    check: 'history-without-task',
    meaning: 'Tasks were deleted by hand in SQL, and their events take up room. Nobody can see them.',
    repair: 'Nothing does: retention and prune delete a task and its history together.',
    otherwise: `DELETE FROM ${tables.taskEvent} WHERE NOT EXISTS (SELECT FROM ${tables.taskState} WHERE id = task_id). To delete tasks, use headway prune.`,
  },
  'a file belongs to a task that is gone': {
    check: 'file-of-deleted-task',
    meaning: 'Tasks were deleted by hand in SQL, and their files take up room.',
    repair: 'Nothing does, until the files belong to nobody.',
    otherwise: `UPDATE ${tables.file} SET task_id = NULL WHERE NOT EXISTS (SELECT FROM ${tables.taskState} WHERE id = task_id): the sweep of a running parent then takes them. To delete tasks, use headway prune.`,
  },
  'a file is gone, and its contents are not': {
    check: 'chunks-without-file',
    meaning: 'Rows of the table file were deleted by hand in SQL, and the contents take up room.',
    repair: byNobody,
    otherwise: `DELETE FROM ${tables.fileChunk} WHERE file_id = …, for each of the ids.`,
  },
};
