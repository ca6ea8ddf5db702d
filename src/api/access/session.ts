/** Signing in: an API key becomes a browser session. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { takeForms } from '../http/forms.ts';
import { prefersHtml } from '../http/negotiation.ts';
import { invalidInput } from '../http/problems.ts';
import { sendPage } from '../http/replies.ts';
import { renderSignIn } from '../pages/index.ts';
import { type Access, invalidKey, sessionCookie, sessionSeconds } from './access.ts';
import type { WrongKeys } from './wrong-keys.ts';

/** A key, and a URL to go on to. */
const maxFormBytes = 16 * 1024;

const signIn = z.strictObject({ key: z.string().max(1000), next: z.string().max(4000).optional() });

export function sessionRoutes(app: FastifyInstance, access: Access, wrongKeys: WrongKeys): void {
  takeForms(app, { maxBytes: maxFormBytes });
  app.get('/session', { config: { isPublic: true } }, (_request, reply) =>
    askForKey(reply, { next: '/', isUndone: false }),
  );

  app.post('/session', { config: { isPublic: true } }, async (request, reply) => {
    const form = signIn.safeParse(request.body ?? {});
    if (!form.success) throw invalidInput(form.error);
    const { key, next = '/' } = form.data;
    if (!access.isOpen && !access.isKey(key)) {
      if (!prefersHtml(request.headers.accept)) throw invalidKey('This key is not valid.');
      await wrongKeys.turn();
      return sendPage(
        reply.code(401),
        renderSignIn({ next: localPath(next), failed: true, isUndone: false }),
      );
    }
    return reply
      .header('set-cookie', cookie(request, access.newSession(Date.now()), sessionSeconds))
      .header('cache-control', 'no-store')
      .redirect(localPath(next), 303);
  });

  app.post('/session/end', { config: { isPublic: true } }, (request, reply) =>
    reply
      .header('set-cookie', cookie(request, '', 0))
      .header('cache-control', 'no-store')
      .redirect('/session', 303),
  );
}

/**
 * Lax: a person who follows a link from elsewhere is signed in. What changes something is guarded by the origin of
 * its request, see `refuseCrossSite`.
 */
function cookie({ headers }: FastifyRequest, value: string, maxAgeSeconds: number): string {
  // Behind a proxy only its word tells; who lies about it spoils their own cookie.
  const isSecure = headers['x-forwarded-proto'] === 'https';
  return `${sessionCookie}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
}

export interface WayOn {
  /** Where to go after signing in. */
  readonly next: string;
  /** What was sent without a session was not done. */
  readonly isUndone: boolean;
}

/** The page that people get in place of a 401. */
export function askForKey(reply: FastifyReply, { next, isUndone }: WayOn): FastifyReply {
  const page = renderSignIn({ next: localPath(next), failed: false, isUndone });
  return sendPage(reply.header('vary', 'Accept'), page);
}

/** A path of ours, or the start: signing in leads to no other site. */
export function localPath(next: string): string {
  return /^\/(?![/\\])[\x21-\x7e]*$/.test(next) ? next : '/';
}
