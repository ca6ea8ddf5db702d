import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { loadConfig, projectDir } from '../src/config.ts';

describe('a folder in the configuration', () => {
  it('is looked for from package.json on, wherever the command was called', () => {
    using _cwd = vi.spyOn(process, 'cwd').mockReturnValue('/elsewhere');

    const config = loadConfig({ HEADWAY_DATA_DIR: 'data', HEADWAY_JOBS_DIR: '../jobs' });

    expect(config.dataDir).toBe(path.join(projectDir, 'data'));
    expect(config.jobsDir).toBe(path.join(projectDir, '../jobs'));
  });

  it('may be anywhere by an absolute path', () => {
    const config = loadConfig({ HEADWAY_DATA_DIR: '/srv/data', HEADWAY_JOBS_DIR: '/srv/jobs' });

    expect([config.dataDir, config.jobsDir]).toEqual(['/srv/data', '/srv/jobs']);
  });
});
