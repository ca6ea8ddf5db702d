import { describe, expect, it } from 'vitest';
import { describeExit } from '../../src/jobs/exit.ts';

const heap =
  'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0x931db0\n';
const uncaught = 'Error: boom\n    at run (/home/somebody/job.ts:1:1)\n\nNode.js v24.21.0\n';

describe('the end of a runner', () => {
  it.each([
    [{ code: 3, signal: null, lastWords: '' }, 'exit code 3'],
    [{ code: 1, signal: null, lastWords: uncaught }, 'an error that nothing caught, exit code 1'],
    [{ code: null, signal: 'SIGABRT', lastWords: heap }, 'it ran out of memory, ended by SIGABRT'],
    [{ code: 134, signal: null, lastWords: heap }, 'it ran out of memory, exit code 134'],
    [{ code: null, signal: 'SIGABRT', lastWords: '' }, 'ended by SIGABRT'],
    [
      { code: null, signal: 'SIGKILL', lastWords: '' },
      'ended by SIGKILL from outside, as the system does when memory runs out',
    ],
    [{ code: null, signal: null, lastWords: '' }, 'could not be started'],
  ] as const)('%j is told as what it was', (exit, words) => {
    expect(describeExit(exit)).toBe(words);
  });
});
