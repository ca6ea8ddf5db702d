/**
 * Turns the environment into a validated, frozen configuration. No other file reads settings from
 * `process.env`.
 */
import { isIP } from 'node:net';
import path from 'node:path';

/** `api`: no runners. `worker`: no HTTP except for health checks. `all`: both in one process. */
export const roles = ['all', 'api', 'worker'] as const;
export type Role = (typeof roles)[number];

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export interface Config {
  readonly role: Role;
  readonly host: string;
  readonly port: number;
  /** Undefined: Headway starts an embedded PostgreSQL in `dataDir`. */
  readonly databaseUrl: string | undefined;
  /** How long a start waits for a PostgreSQL that does not answer yet. */
  readonly databaseWaitSeconds: number;
  readonly dataDir: string;
  /** Empty: everybody may do everything, which is allowed only on a loopback address. */
  readonly apiKeys: readonly string[];
  /**
   * The token that may read `/metrics`. Undefined: everybody may, but only on a loopback address without API
   * keys.
   */
  readonly adminToken: string | undefined;
  readonly runners: number;
  readonly slots: number;
  readonly leaseSeconds: number;
  /** How long running attempts and open requests may take after SIGTERM. */
  readonly graceSeconds: number;
  /** For how long after SIGTERM new requests are served at least. */
  readonly drainSeconds: number;
  readonly maxUploadBytes: number;
  /** For how long a shared cache may answer polls of a task's JSON; 0 for not at all. */
  readonly publicCacheSeconds: number;
  /** How many clients may wait for a change at the same time, by long poll or stream. */
  readonly maxWatchers: number;
  /** Addresses and networks of proxies that are believed when they say who waits. */
  readonly trustedProxies: readonly string[];
  readonly retentionDays: number;
  /** A folder of further job files, beside those in `src/jobs`. */
  readonly jobsDir: string | undefined;
  readonly logLevel: string;
}

/** A setting has a bad value; the message names the setting and says what is expected. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** The folder of package.json. Relative paths in the configuration start here, not in the current folder. */
export const projectDir = path.resolve(import.meta.dirname, '..');

/**
 * Reads the configuration. Empty variables count as absent.
 * @throws {ConfigError} naming each bad variable and what was expected
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const findings: string[] = [];
  const read = <Value>(name: string, reader: Reader<Value>): Value | undefined => {
    const text = env[name];
    if (text === undefined || text === '') return undefined;
    try {
      return reader(text);
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      findings.push(`${name}: expected ${error.message}`);
      return undefined;
    }
  };
  const role = read('HEADWAY_ROLE', oneOf(roles)) ?? 'all';
  const runners = read('HEADWAY_RUNNERS', wholeNumber(0, 64)) ?? 1;
  const maxUploadMb = read('HEADWAY_MAX_UPLOAD_MB', wholeNumber(1, 1024)) ?? 100;
  const config: Config = {
    role,
    host: read('HOST', anyText) ?? '127.0.0.1',
    port: read('PORT', wholeNumber(0, 65535)) ?? 3000,
    databaseUrl: read('DATABASE_URL', databaseUrl),
    databaseWaitSeconds: read('HEADWAY_DATABASE_WAIT_SECONDS', wholeNumber(0, 3600)) ?? 60,
    dataDir: read('HEADWAY_DATA_DIR', folder) ?? folder('.headway'),
    apiKeys:
      read(
        'HEADWAY_API_KEYS',
        listOf(secret('keys of 16 to 200 visible ASCII characters, separated by commas')),
      ) ?? [],
    adminToken: read('HEADWAY_ADMIN_TOKEN', secret('16 to 200 visible ASCII characters without a comma')),
    runners: role === 'api' ? 0 : runners,
    slots: read('HEADWAY_SLOTS', wholeNumber(1, 1000)) ?? 10,
    leaseSeconds: read('HEADWAY_LEASE_SECONDS', wholeNumber(2, 3600)) ?? 15,
    graceSeconds: read('HEADWAY_GRACE_SECONDS', wholeNumber(0, 3600)) ?? 20,
    drainSeconds: read('HEADWAY_DRAIN_SECONDS', wholeNumber(0, 600)) ?? 0,
    maxUploadBytes: maxUploadMb * 1024 * 1024,
    publicCacheSeconds: read('HEADWAY_PUBLIC_CACHE_SECONDS', wholeNumber(0, 60)) ?? 0,
    maxWatchers: read('HEADWAY_MAX_WATCHERS', wholeNumber(0, 1_000_000)) ?? 10_000,
    trustedProxies: read('HEADWAY_TRUSTED_PROXIES', listOf(proxy)) ?? [],
    retentionDays: read('HEADWAY_RETENTION_DAYS', wholeNumber(1, 3650)) ?? 30,
    jobsDir: read('HEADWAY_JOBS_DIR', folder),
    logLevel: read('HEADWAY_LOG_LEVEL', oneOf(logLevels)) ?? 'info',
  };
  if (findings.length > 0) throw new ConfigError(findings.join('\n'));
  if (config.role !== 'all' && config.databaseUrl === undefined) {
    throw new ConfigError(
      `DATABASE_URL: the role ${config.role} needs a PostgreSQL that all processes share; set DATABASE_URL, or leave HEADWAY_ROLE out to run everything in one process`,
    );
  }
  // A worker serves only health checks, which need no key.
  if (config.role !== 'worker' && config.apiKeys.length === 0 && !isLoopback(config.host)) {
    throw new ConfigError(
      `HOST: ${config.host} is reachable from other machines, and without HEADWAY_API_KEYS anybody there could submit and read tasks; set HEADWAY_API_KEYS, or HOST=127.0.0.1`,
    );
  }
  return Object.freeze(config);
}

/** Turns the text of a setting into its value. Throws `Unfit` where the text cannot be used. */
type Reader<Value> = (text: string) => Value;

/** The message says what was expected. */
class Unfit extends Error {}

// These few functions read what zod could read, too. zod takes a tenth of a second to load, and PostgreSQL is not
// started before the configuration is known to be good.

const anyText: Reader<string> = (text) => text;

const folder: Reader<string> = (text) => path.resolve(projectDir, text);

const databaseUrl = matching(
  /^postgres(ql)?:\/\//,
  'a PostgreSQL URL, such as postgresql://user:password@host/database',
);

function wholeNumber(min: number, max: number): Reader<number> {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new Unfit(`a whole number from ${min} to ${max}`);
  };
}

function oneOf<Value extends string>(values: readonly Value[]): Reader<Value> {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    throw new Unfit(`one of ${values.join(', ')}`);
  };
}

function matching(pattern: RegExp, expected: string): Reader<string> {
  return (text) => {
    if (pattern.test(text)) return text;
    throw new Unfit(expected);
  };
}

function secret(expected: string): Reader<string> {
  return matching(/^[\x21-\x2b\x2d-\x7e]{16,200}$/, expected);
}

function listOf<Value>(reader: Reader<Value>): Reader<Value[]> {
  return (text) => text.split(',').map((item) => reader(item.trim()));
}

/** An address or a network, such as 10.1.0.0/16. */
function proxy(text: string): string {
  const [address = '', prefix, ...rest] = text.split('/');
  // isIP also takes an IPv6 address with a zone, such as fe80::1%eth0.
  const longest = address.includes('%') ? -1 : ({ 4: 32, 6: 128 }[isIP(address)] ?? -1);
  const fits = prefix === undefined || (/^(0|[1-9]\d*)$/.test(prefix) && Number(prefix) <= longest);
  if (longest > 0 && fits && rest.length === 0) return text;
  throw new Unfit('addresses or networks, such as 10.0.0.7 or 10.1.0.0/16, separated by commas');
}

/**
 * The environment for processes that run job code, without the service's own secrets: job code needs none of
 * them.
 */
export function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { HEADWAY_API_KEYS: _keys, HEADWAY_ADMIN_TOKEN: _token, ...rest } = env;
  return rest;
}

/** Whether a server that listens on this address can be reached only from its own machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
