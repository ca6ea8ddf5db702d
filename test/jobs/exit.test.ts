import { describe, expect, it } from 'vitest';
import { describeExit } from '../../src/jobs/supervisor/exit.ts';

const heap =
  'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0x931db0\n';
const badAlloc =
  "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n";
const uncaught = 'Error: boom\n    at run (/home/somebody/job.ts:1:1)\n\nNode.js v24.21.0\n';

describe('the end of a runner', () => {
  it.each([
    [{ code: 3, signal: null, stderrTail: '' }, 'exit code 3'],
    [{ code: 1, signal: null, stderrTail: uncaught }, 'an error that nothing caught, exit code 1'],
    [{ code: null, signal: 'SIGABRT', stderrTail: heap }, 'it ran out of memory, ended by SIGABRT'],
    [{ code: 134, signal: null, stderrTail: heap }, 'it ran out of memory, exit code 134'],
    [{ code: null, signal: 'SIGABRT', stderrTail: badAlloc }, 'it ran out of memory, ended by SIGABRT'],
    [{ code: null, signal: 'SIGABRT', stderrTail: '' }, 'ended by SIGABRT'],
    [{ code: 7, signal: null, stderrTail: 'budget allocation failed for order 5' }, 'exit code 7'],
    [{ code: 7, signal: null, stderrTail: heap }, 'exit code 7'],
    [{ code: null, signal: 'SIGABRT', stderrTail: 'the shop is out of memory sticks' }, 'ended by SIGABRT'],
    [
      { code: null, signal: 'SIGKILL', stderrTail: '' },
      'ended by SIGKILL from outside, as the system does when memory runs out',
    ],
    [{ code: null, signal: 'SIGKILL', wasOrdered: true, stderrTail: '' }, 'ended by SIGKILL'],
    [{ code: null, signal: null, stderrTail: '' }, 'could not be started'],
  ] as const)('%j is told as what it was', (exit, words) => {
    expect(describeExit({ wasOrdered: false, ...exit })).toBe(words);
  });

  it('is not put down to memory when an out-of-memory line is far from the end of the output', () => {
    const stderrTail = heap + 'a line of something else\n'.repeat(500);

    const words = describeExit({ code: null, signal: 'SIGABRT', wasOrdered: false, stderrTail });

    expect(words).toBe('ended by SIGABRT');
  });
});
