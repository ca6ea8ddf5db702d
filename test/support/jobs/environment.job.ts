import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Returns which of Headway's variables a job has, and which a process has that the job starts. */
export default defineJob({
  type: 'environment',
  input: z.object({}),
  result: z.object({ own: z.array(z.string()), childs: z.array(z.string()) }),
  async run() {
    const { stdout } = await promisify(execFile)('env', { encoding: 'utf8' });
    const isHeadways = (name: string) => name.startsWith('HEADWAY_');
    return {
      own: Object.keys(process.env).filter(isHeadways),
      childs: stdout
        .split('\n')
        .map((line) => line.split('=')[0] ?? '')
        .filter(isHeadways),
    };
  },
});
