/**
 * For each violation of the invariants: its meaning, what repairs it by itself, and what to do if nothing
 * does.
 */
import { tables } from '../database/names.ts';
import type { Explanation } from './finding.ts';

const byReaper = 'By the reaper of any running parent, within seconds after a lease has ended.';
export const byNobody = 'None by itself. Headway never writes such a row.';
const startOne =
  'Make sure that a parent (headway serve) runs on this database, and look for "reaper" in its log.';
const wasChanged =
  'Somebody changed the row by hand or restored a part of a backup, or Headway has a fault. If nobody changed it, please report the fault, with the rows of the task in task_state and task_event.';

/** The keys are the names of the violations in `src/tasks/invariants.ts`. */
export const explanations: Readonly<Record<string, Explanation>> = {
  'a queued task has no queue entry that a runner can take': {
    check: 'queued-without-entry',
    meaning:
      'These tasks wait, but no runner will ever take them, because their queue entry is of no use. A runner that died took the entry before the task began, or the entry was deleted, cancelled, expired or changed by hand, so that it now names another task or is held back longer than its task.',
    repair: `${byReaper} The reaper gives each task a new entry; the tasks lose no try.`,
    otherwise: startOne,
  },
  'a queue entry belongs to no queued task': {
    check: 'stray-entry',
    meaning:
      'The tasks of these queue entries are gone or do not wait, or the entries were changed so that no runner takes them. They do no harm: a runner that takes such an entry drops it. Until then they look like waiting work.',
    repair: `${byReaper} The reaper settles these entries.`,
    otherwise: startOne,
  },
  'a task and its queue entry are due at different times': {
    check: 'crossed-times',
    meaning: 'The page of the task shows a wrong time for the next try. The time of the queue entry counts.',
    repair: 'By the next try of the task.',
    otherwise: wasChanged,
  },
  'a running task has no worker, or its worker was given up': {
    check: 'running-without-worker',
    meaning: 'The worker of these tasks is gone: nobody works on them, although their pages say "running".',
    repair: `${byReaper} The tasks go on from their last checkpoint, or fail if they have no try left.`,
    otherwise: startOne,
  },
  'the lease of a worker has lapsed, and nobody has given the worker up': {
    check: 'silent-worker',
    meaning:
      'The lease of these workers has lapsed: the process is dead, frozen, or cannot reach the database. The tasks of a dead or frozen worker stand still.',
    repair: `${byReaper} The reaper gives the worker up, and its tasks go on in another worker.`,
    otherwise: startOne,
  },
  'a running external task has no lease': {
    check: 'external-without-lease',
    meaning: 'If the program that works on the task dies, Headway will not notice.',
    repair: 'By the next report of that program.',
    otherwise: wasChanged,
  },
  'a task that is not queued has a queue entry, or a time for its next try': {
    check: 'entry-of-no-use',
    meaning:
      'The row contradicts itself: its status is not "queued", but it has a queue entry or the time of a next try.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'a task that is not running has a worker': {
    check: 'worker-of-no-use',
    meaning: 'The row contradicts itself: its status is not "running", but it names a worker.',
    repair: 'For a queued task, by its next claim; for a finished task, none by itself.',
    otherwise: wasChanged,
  },
  'an unfinished task has a result, an end time or an expiry time': {
    check: 'unfinished-with-end',
    meaning:
      'The task is still queued or running, but its row has a result, a time of its end, or a time at which it expires.',
    repair: 'By the end of the task, which writes these values again.',
    otherwise: wasChanged,
  },
  'a queued task has a request to cancel it': {
    check: 'queued-cancelled',
    meaning: 'The task should have been cancelled at once. Instead, a runner will still run it.',
    repair: 'By the end of its next attempt: the task is then cancelled, unless that attempt succeeds.',
    otherwise: `${wasChanged} To cancel the task now, set its cancel_requested_at to NULL and cancel it again.`,
  },
  'a task has used up its tries, but has not failed': {
    check: 'tries-used-up',
    meaning: 'The task should have failed when its last try failed, but is still queued or running.',
    repair: 'By the next failure or success of the task.',
    otherwise: wasChanged,
  },
  'a task has more failures than attempts': {
    check: 'failures-above-attempts',
    meaning: 'The row counts more failures than the task had attempts.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'the history of a task does not show each attempt exactly once': {
    check: 'history-of-attempts',
    meaning:
      'The history on the page shows more or fewer attempts than the task had. The task itself is not affected.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'a file that belongs to no task was not deleted': {
    check: 'file-without-task',
    meaning:
      'Incomplete uploads, or files of deleted tasks, take up space in the database. Nobody can reach them.',
    repair: 'By the sweep of any running parent, once a minute.',
    otherwise:
      'Make sure that a parent (headway serve) runs on this database, or run headway prune, which deletes such files, too.',
  },
  'a finished task has no end time, or no expiry time': {
    check: 'finished-without-times',
    meaning: 'Retention will never delete the task.',
    repair: byNobody,
    otherwise: `${wasChanged} If the row has finished_at, headway prune can delete the task.`,
  },
  'a succeeded task has no result, or has an error': {
    check: 'success-without-result',
    meaning: 'A client gets no result from the task, or is shown an error although the task succeeded.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'a failed or cancelled task has no error, or has a result': {
    check: 'failure-without-error',
    meaning:
      'A client does not learn why the task failed, or gets a result although the task did not succeed.',
    repair: 'By a retry of the task.',
    otherwise: wasChanged,
  },
  'a cancelled task has no request to cancel it': {
    check: 'cancelled-unasked',
    meaning: 'The row does not show when the cancel was requested.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'the last event in the history of a finished task is not its end': {
    check: 'history-of-end',
    meaning:
      'The history on the page does not show how the task ended, or goes on after its end. The task itself is not affected.',
    repair: byNobody,
    otherwise: wasChanged,
  },
  'a task is gone, but its history is not': {
    check: 'history-without-task',
    meaning:
      'Tasks were deleted by hand in SQL. Their events were left: nobody can see them, and they take up space.',
    repair:
      'None by itself. Retention and prune delete a task and its history together, and look for no others.',
    otherwise: `DELETE FROM ${tables.taskEvent} WHERE NOT EXISTS (SELECT FROM ${tables.taskState} WHERE id = task_id). To delete tasks, use headway prune.`,
  },
  'a file belongs to a task that is gone': {
    check: 'file-of-deleted-task',
    meaning: 'Tasks were deleted by hand in SQL. Their files were left, and take up space.',
    repair: 'None by itself. The sweep deletes only files that name no task.',
    otherwise: `UPDATE ${tables.file} SET task_id = NULL WHERE NOT EXISTS (SELECT FROM ${tables.taskState} WHERE id = task_id): the sweep of a running parent then deletes the files. To delete tasks, use headway prune.`,
  },
  'a file is gone, but its contents are not': {
    check: 'chunks-without-file',
    meaning:
      'Rows of the table file were deleted by hand in SQL. Their contents were left, and take up space.',
    repair: byNobody,
    otherwise: `For each id: DELETE FROM ${tables.fileChunk} WHERE file_id = …`,
  },
};
