import { describe, expect, it } from 'vitest';
import { describeExit } from '../../src/jobs/supervisor/exit.ts';

const heap =
  'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0x931db0\n';
const badAlloc =
  "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n";
const uncaught = 'Error: boom\n    at run (/home/somebody/job.ts:1:1)\n\nNode.js v24.21.0\n';

describe('the end of a runner', () => {
  it.each([
    [{ code: 3, signal: null, lastWords: '' }, 'exit code 3'],
    [{ code: 1, signal: null, lastWords: uncaught }, 'an error that nothing caught, exit code 1'],
    [{ code: null, signal: 'SIGABRT', lastWords: heap }, 'it ran out of memory, ended by SIGABRT'],
    [{ code: 134, signal: null, lastWords: heap }, 'it ran out of memory, exit code 134'],
    [{ code: null, signal: 'SIGABRT', lastWords: badAlloc }, 'it ran out of memory, ended by SIGABRT'],
    [{ code: null, signal: 'SIGABRT', lastWords: '' }, 'ended by SIGABRT'],
    [{ code: 7, signal: null, lastWords: 'budget allocation failed for order 5' }, 'exit code 7'],
    [{ code: 7, signal: null, lastWords: heap }, 'exit code 7'],
    [{ code: null, signal: 'SIGABRT', lastWords: 'the shop is out of memory sticks' }, 'ended by SIGABRT'],
    [
      { code: null, signal: 'SIGKILL', lastWords: '' },
      'ended by SIGKILL from outside, as the system does when memory runs out',
    ],
    [{ code: null, signal: 'SIGKILL', wasOrdered: true, lastWords: '' }, 'ended by SIGKILL'],
    [{ code: null, signal: null, lastWords: '' }, 'could not be started'],
  ] as const)('%j is told as what it was', (exit, words) => {
    expect(describeExit({ wasOrdered: false, ...exit })).toBe(words);
  });

  it('is no want of memory that was told long before', () => {
    const lastWords = heap + 'a line of something else\n'.repeat(500);

    const words = describeExit({ code: null, signal: 'SIGABRT', wasOrdered: false, lastWords });

    expect(words).toBe('ended by SIGABRT');
  });
});
