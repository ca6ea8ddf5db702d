/** API keys, the browser sessions that they are exchanged for, and the operator's token. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type Config, isLoopback } from '../../config.ts';
import { HttpProblem } from '../http/problems.ts';
import { refuseNonLocal } from './origin.ts';

export const sessionCookie = 'headway_session';
export const sessionSeconds = 7 * 24 * 3600;

/** Keeps only the hashes of the keys. */
export class Access {
  private readonly hashes: readonly Buffer[];
  private readonly adminHash: Buffer | undefined;
  private readonly isLocal: boolean;
  /**
   * Derived from the keys, so that every process accepts the sessions of the others. A change of the keys
   * ends all sessions.
   */
  private readonly sessionSecret: Buffer;

  constructor({ apiKeys, adminToken, host }: Pick<Config, 'apiKeys' | 'adminToken' | 'host'>) {
    this.hashes = apiKeys.map(sha256);
    this.adminHash = adminToken === undefined ? undefined : sha256(adminToken);
    this.isLocal = isLoopback(host);
    this.sessionSecret = sha256(`headway session\n${[...apiKeys].sort().join('\n')}`);
  }

  /** Whether no keys are set, so that nobody needs one. */
  get isOpen(): boolean {
    return this.hashes.length === 0;
  }

  isKey(candidate: string): boolean {
    const hash = sha256(candidate);
    // Compares with every key, so that the time taken does not tell which one matches.
    return this.hashes.map((known) => timingSafeEqual(known, hash)).includes(true);
  }

  /** @throws {HttpProblem} 401 for a request without a valid key or session */
  check(request: FastifyRequest): void {
    if (this.isOpen) return;
    const { authorization, cookie } = request.headers;
    // Other schemes are not for us, but for something in front, such as a proxy with a password of its own.
    if (authorization !== undefined && /^bearer\b/i.test(authorization)) {
      const key = bearerOf(authorization);
      if (key !== undefined && this.isKey(key)) return;
      throw invalidKey('The key in the Authorization header is not valid.');
    }
    if (cookie !== undefined && this.isSession(cookieNamed(sessionCookie, cookie), Date.now())) return;
    throw signInRequired('Send one of the API keys: "Authorization: Bearer <key>".');
  }

  /**
   * Guards what only operators may see. Where neither a token nor keys are set, requests from this machine
   * may see it.
   * @throws {HttpProblem} 401 without the token, 403 where no token is set and the request is not allowed
   *   without one
   */
  checkAdmin(request: FastifyRequest): void {
    if (this.adminHash !== undefined) {
      const token = bearerOf(request.headers.authorization);
      if (token !== undefined && timingSafeEqual(sha256(token), this.adminHash)) return;
      if (token !== undefined) throw invalidKey('The token in the Authorization header is not valid.');
      throw signInRequired('Send HEADWAY_ADMIN_TOKEN: "Authorization: Bearer <token>".');
    }
    if (!this.isOpen || !this.isLocal) {
      throw new HttpProblem(
        'admin-only',
        'Set HEADWAY_ADMIN_TOKEN, start again, and send it as a bearer token.',
      );
    }
    refuseNonLocal(request.raw);
  }

  /** The cookie value of a session that begins now. */
  newSession(nowMs: number): string {
    const expires = String(Math.floor(nowMs / 1000) + sessionSeconds);
    return `${expires}.${this.sign(expires)}`;
  }

  isSession(value: string | undefined, nowMs: number): boolean {
    const [, expires, signature] = /^(\d{1,12})\.([\w-]{43})$/.exec(value ?? '') ?? [];
    if (expires === undefined || signature === undefined) return false;
    const isGenuine = timingSafeEqual(Buffer.from(signature), Buffer.from(this.sign(expires)));
    return isGenuine && Number(expires) * 1000 > nowMs;
  }

  /**
   * 32 bytes for one purpose, the same in every process with the same keys. Where no keys are set, the bytes
   * are no secret.
   */
  secretFor(purpose: string): Buffer {
    return createHmac('sha256', this.sessionSecret).update(purpose).digest();
  }

  private sign(expires: string): string {
    return createHmac('sha256', this.sessionSecret).update(expires).digest('base64url');
  }
}

/** A request with a wrong key or token. The answers to such requests are slowed down, see `wrong-keys.ts`. */
export class WrongKey extends HttpProblem {
  override name = 'WrongKey';
}

export function invalidKey(detail: string): WrongKey {
  return new WrongKey('sign-in-required', detail, {
    headers: { 'www-authenticate': 'Bearer realm="headway", error="invalid_token"' },
  });
}

function signInRequired(detail: string): HttpProblem {
  return new HttpProblem('sign-in-required', detail, {
    headers: { 'www-authenticate': 'Bearer realm="headway"' },
  });
}

function bearerOf(authorization = ''): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1];
}

function cookieNamed(name: string, header: string): string | undefined {
  const pairs = header.split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
