/** What the routes need. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { JobRegistry } from '../jobs/registry.ts';
import type { SubmitQueue } from '../tasks/life/submit-queue.ts';
import type { ResultLink } from '../tasks/model/view.ts';
import type { Store } from '../tasks/store.ts';
import type { ApiExtensions } from './extension.ts';
import type { Drain } from './http/drain.ts';
import type { Reading } from './reading/reading.ts';

export interface ApiContext {
  readonly config: Config;
  readonly store: Store;
  readonly submits: SubmitQueue;
  readonly registry: JobRegistry;
  readonly extensions: ApiExtensions;
  readonly log: Logger;
  readonly reading: Reading;
  readonly resultLink: ResultLink;
  /** While the drain is under way, the process is about to stop. */
  readonly drain: Drain;
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route needs no key, even where API keys are set: it is harmless, or its URL is a capability. */
    isPublic?: boolean;
    /** Clients poll the route, so its requests are not logged. */
    isPolled?: boolean;
  }
}
