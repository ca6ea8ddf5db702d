import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config.ts';

describe('the configuration names what it cannot use:', () => {
  it.each([
    ['a port that is no number', { PORT: 'http' }, /^PORT: expected a whole number from 0 to 65535$/],
    [
      'a database URL of another kind',
      { DATABASE_URL: 'mysql://x' },
      /^DATABASE_URL: expected a PostgreSQL URL/,
    ],
    ['an address that others reach, without keys', { HOST: '0.0.0.0' }, /^HOST: .*HEADWAY_API_KEYS/],
    ['a key that is too short', { HEADWAY_API_KEYS: 'short' }, /^HEADWAY_API_KEYS: .*16/],
    [
      'a proxy by its name',
      { HEADWAY_TRUSTED_PROXIES: '10.0.0.1, proxy' },
      /^HEADWAY_TRUSTED_PROXIES: .*10\.1\.0\.0\/16/,
    ],
    [
      'a network of more bits than its address has',
      { HEADWAY_TRUSTED_PROXIES: '10.0.0.0/8, 10.1.0.0/33' },
      /^HEADWAY_TRUSTED_PROXIES: expected addresses or networks/,
    ],
    ['a lease of 0 seconds', { HEADWAY_LEASE_SECONDS: '0' }, /^HEADWAY_LEASE_SECONDS: /],
    ['one and a half slots', { HEADWAY_SLOTS: '1.5' }, /^HEADWAY_SLOTS: /],
    ['an unknown log level', { HEADWAY_LOG_LEVEL: 'loud' }, /^HEADWAY_LOG_LEVEL: expected one of fatal/],
    ['an unknown role', { HEADWAY_ROLE: 'boss' }, /^HEADWAY_ROLE: expected one of all, api, worker$/],
    ['an API whose database the others cannot reach', { HEADWAY_ROLE: 'api' }, /^DATABASE_URL: .*share/],
    ['a worker whose database the others cannot reach', { HEADWAY_ROLE: 'worker' }, /^DATABASE_URL: .*share/],
  ])('%s', (_what, env, message) => {
    expect(() => loadConfig(env)).toThrow(message);
  });

  it('several settings, each in a line of its own', () => {
    expect(() => loadConfig({ PORT: 'http', HEADWAY_SLOTS: '0' })).toThrow(
      /^PORT: expected [^\n]*\nHEADWAY_SLOTS: expected [^\n]*$/,
    );
  });
});
