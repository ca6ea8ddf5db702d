/**
 * Turns the environment into a validated, frozen configuration. No other file reads settings from
 * `process.env`.
 */
import path from 'node:path';
import { z } from 'zod';

const wholeNumber = (min: number, max: number) =>
  z.coerce
    .number(`a whole number from ${min} to ${max}`)
    .int(`a whole number from ${min} to ${max}`)
    .min(min, `a whole number from ${min} to ${max}`)
    .max(max, `a whole number from ${min} to ${max}`);

const secret = (expected: string) => z.string().regex(/^[\x21-\x2b\x2d-\x7e]{16,200}$/, expected);

const proxiesExpected = 'addresses or networks, such as 10.0.0.7 or 10.1.0.0/16, separated by commas';

/** `api`: no runners. `worker`: no HTTP except for health checks. `all`: both in one process. */
export const roles = ['all', 'api', 'worker'] as const;
export type Role = (typeof roles)[number];

const environment = z.object({
  HOST: z.string().min(1, 'an address to listen on, such as 127.0.0.1').default('127.0.0.1'),
  PORT: wholeNumber(0, 65535).default(3000),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'a PostgreSQL URL, such as postgresql://user:password@host/database')
    .optional(),
  HEADWAY_ROLE: z.enum(roles, { error: `one of ${roles.join(', ')}` }).default('all'),
  HEADWAY_DATABASE_WAIT_SECONDS: wholeNumber(0, 3600).default(60),
  HEADWAY_DATA_DIR: z.string().min(1, 'a folder').default('.headway'),
  HEADWAY_API_KEYS: z
    .string()
    .transform((keys) => keys.split(',').map((key) => key.trim()))
    .pipe(z.array(secret('keys of 16 to 200 visible ASCII characters, separated by commas')))
    .optional(),
  HEADWAY_ADMIN_TOKEN: secret('16 to 200 visible ASCII characters without a comma').optional(),
  HEADWAY_RUNNERS: wholeNumber(0, 64).default(1),
  HEADWAY_SLOTS: wholeNumber(1, 1000).default(10),
  HEADWAY_LEASE_SECONDS: wholeNumber(2, 3600).default(15),
  HEADWAY_GRACE_SECONDS: wholeNumber(0, 3600).default(20),
  HEADWAY_DRAIN_SECONDS: wholeNumber(0, 600).default(0),
  HEADWAY_MAX_UPLOAD_MB: wholeNumber(1, 1024).default(100),
  HEADWAY_PUBLIC_CACHE_SECONDS: wholeNumber(0, 60).default(0),
  HEADWAY_MAX_WATCHERS: wholeNumber(0, 1_000_000).default(10_000),
  HEADWAY_TRUSTED_PROXIES: z
    .string()
    .transform((list) => list.split(',').map((proxy) => proxy.trim()))
    .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], { error: proxiesExpected })))
    .optional(),
  HEADWAY_RETENTION_DAYS: wholeNumber(1, 3650).default(30),
  HEADWAY_JOBS_DIR: z.string().min(1, 'a folder of job files').optional(),
  HEADWAY_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      error: 'one of fatal, error, warn, info, debug, trace, silent',
    })
    .default('info'),
});

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
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    const findings = parsed.error.issues.map(
      (issue) => `${issue.path[0]?.toString()}: expected ${issue.message}`,
    );
    throw new ConfigError([...new Set(findings)].join('\n'));
  }
  const settings = parsed.data;
  const config: Config = {
    role: settings.HEADWAY_ROLE,
    host: settings.HOST,
    port: settings.PORT,
    databaseUrl: settings.DATABASE_URL,
    databaseWaitSeconds: settings.HEADWAY_DATABASE_WAIT_SECONDS,
    dataDir: path.resolve(projectDir, settings.HEADWAY_DATA_DIR),
    apiKeys: settings.HEADWAY_API_KEYS ?? [],
    adminToken: settings.HEADWAY_ADMIN_TOKEN,
    runners: settings.HEADWAY_ROLE === 'api' ? 0 : settings.HEADWAY_RUNNERS,
    slots: settings.HEADWAY_SLOTS,
    leaseSeconds: settings.HEADWAY_LEASE_SECONDS,
    graceSeconds: settings.HEADWAY_GRACE_SECONDS,
    drainSeconds: settings.HEADWAY_DRAIN_SECONDS,
    maxUploadBytes: settings.HEADWAY_MAX_UPLOAD_MB * 1024 * 1024,
    publicCacheSeconds: settings.HEADWAY_PUBLIC_CACHE_SECONDS,
    maxWatchers: settings.HEADWAY_MAX_WATCHERS,
    trustedProxies: settings.HEADWAY_TRUSTED_PROXIES ?? [],
    retentionDays: settings.HEADWAY_RETENTION_DAYS,
    jobsDir: settings.HEADWAY_JOBS_DIR && path.resolve(projectDir, settings.HEADWAY_JOBS_DIR),
    logLevel: settings.HEADWAY_LOG_LEVEL,
  };
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
