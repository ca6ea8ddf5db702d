/** The files of `public/`, which the pages load. */
import path from 'node:path';
import { send } from '@fastify/send';
import type { FastifyInstance } from 'fastify';
import { projectDir } from '../../config.ts';
import { pageHeaders } from './replies.ts';

const root = path.join(projectDir, 'public');

/** `GET /assets/*`: needs no key, as the files hold nothing but what the pages need. */
export function assetRoutes(app: FastifyInstance): void {
  app.get<{ Params: { '*': string } }>(
    '/assets/*',
    { config: { isPublic: true } },
    async (request, reply) => {
      const name = request.params['*'];
      if (!/\.(js|css|svg)$/.test(name)) return reply.callNotFound();
      // The names carry no hash, so browsers must ask each time. They get a 304 for an unchanged file.
      const file = await send(request.raw, encodeURI(name), { root, cacheControl: false, index: false });
      if (file.type !== 'file' && file.statusCode >= 400) {
        file.stream.destroy();
        return reply.callNotFound();
      }
      return reply
        .code(file.statusCode)
        .headers({
          ...file.headers,
          'cache-control': 'no-cache',
          'content-security-policy': pageHeaders['content-security-policy'],
        })
        .send(file.stream);
    },
  );
}
