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

/** Enough for a key and the URL to go on to, percent-encoded. */
const maxFormBytes = 16 * 1024;

const signIn = z.strictObject({ key: z.string().max(1000), next: z.string().max(4000).optional() });

export function signInRoutes(app: FastifyInstance, access: Access, wrongKeys: WrongKeys): void {
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
 * `SameSite=Lax`, so that a person who follows a link from another site is signed in. Requests that change
 * something are guarded by their origin, see `refuseCrossSite`.
 */
function cookie({ headers }: FastifyRequest, value: string, maxAgeSeconds: number): string {
  // Behind a proxy, only this header tells whether the browser uses HTTPS. A lie harms only the liar's cookie.
  const isSecure = headers['x-forwarded-proto'] === 'https';
  return `${sessionCookie}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
}

export interface WayOn {
  /** Where to go after signing in. */
  readonly next: string;
  /** A request that would have changed something was refused: the person must send it again. */
  readonly isUndone: boolean;
}

/** The sign-in page, which people get in place of a problem. */
export function askForKey(reply: FastifyReply, { next, isUndone }: WayOn): FastifyReply {
  const page = renderSignIn({ next: localPath(next), failed: false, isUndone });
  return sendPage(reply.header('vary', 'Accept'), page);
}

/** The path if it is one of this service, otherwise `/`: signing in must not lead to another site. */
export function localPath(next: string): string {
  return /^\/(?![/\\])[\x21-\x7e]*$/.test(next) ? next : '/';
}
