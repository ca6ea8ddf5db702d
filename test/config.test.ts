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

describe('a setting', () => {
  it('that is empty counts as absent', () => {
    const config = loadConfig({ PORT: '', HEADWAY_API_KEYS: '', HEADWAY_LOG_LEVEL: '' });

    expect([config.port, config.apiKeys, config.logLevel]).toEqual([3000, [], 'info']);
  });

  it('that is a list may have spaces after its commas', () => {
    const config = loadConfig({
      HEADWAY_API_KEYS: 'first-key-of-many, second-key-of-many',
      HEADWAY_TRUSTED_PROXIES: '10.0.0.7, 10.1.0.0/16, ::1, fd00::/8',
    });

    expect(config.apiKeys).toEqual(['first-key-of-many', 'second-key-of-many']);
    expect(config.trustedProxies).toEqual(['10.0.0.7', '10.1.0.0/16', '::1', 'fd00::/8']);
  });
});
