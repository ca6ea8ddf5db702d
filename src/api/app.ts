/** The HTTP server: its limits, its guards, and the routes by name. */
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { type JobRegistry, resultLinkOf } from '../jobs/registry.ts';
import { SubmitQueue } from '../tasks/life/submit-queue.ts';
import type { Store } from '../tasks/store.ts';
import { Access } from './access/access.ts';
import { guard } from './access/guard.ts';
import { signInRoutes } from './access/sign-in.ts';
import { WrongKeys } from './access/wrong-keys.ts';
import { retryRoutes } from './changing/retry.ts';
import type { ApiContext } from './context.ts';
import { answerError } from './error-handler.ts';
import type { ApiExtension } from './extension.ts';
import { withinAnswerTime } from './http/answer-time.ts';
import { assetRoutes } from './http/assets.ts';
import { Drain } from './http/drain.ts';
import { parseJsonBody } from './http/json-body.ts';
import { answerUnknownRoutes } from './http/not-found.ts';
import { answerBrokenRequest, answerExpectation } from './http/replies.ts';
import { logRequests } from './http/request-log.ts';
import { createHttpServer, type FirstHandler, listenOnAllOf } from './http/server.ts';
import { healthRoutes } from './operating/health.ts';
import { type Metrics, metricsRoutes } from './operating/metrics.ts';
import { homeRoutes } from './reading/lists/home.ts';
import { listRoutes } from './reading/lists/lists.ts';
import { groupRoutes } from './reading/polls/group-poll.ts';
import { plainPoll } from './reading/polls/plain-poll.ts';
import { pollRoutes } from './reading/polls/poll.ts';
import type { Reading } from './reading/reading.ts';
import { taskEventRoutes } from './reading/streams/task-events.ts';
import { taskRoutes } from './submitting/tasks.ts';
import { uploadRoutes } from './submitting/uploads.ts';

export interface AppOptions {
  readonly config: Config;
  readonly store: Store;
  /** Started and stopped by the caller. */
  readonly reading: Reading;
  readonly registry: JobRegistry;
  /** What the jobs that come with Headway add to routes and pages. */
  readonly extensions: readonly ApiExtension[];
  readonly metrics: Metrics;
  readonly log: Logger;
  /** The caller begins and finishes the drain, before it closes the server. */
  readonly drain?: Drain;
}

/** How long a stop waits for submits whose clients have been cut off. */
const closeTimeMs = 3_000;

/** Routes have no schemas for Fastify. It would load the compilers of schemas nevertheless. */
const noSchemas = () => {
  throw new Error('Routes check what they get with zod, and have no schema for Fastify');
};

const serverOptions = {
  bodyLimit: 1024 * 1024,
  // The longest group, percent-encoded, must fit.
  routerOptions: { maxParamLength: 2_000 },
  // Closes the connections that `Drain` has left open. An upload that this cuts off is not submitted.
  forceCloseConnections: true,
  // Fastify's own 503 has no problem (RFC 9457) as body. Requests during a stop are served or cut off.
  return503OnClosing: false,
  trustProxy: false,
  schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
  exposeHeadRoutes: true,
} satisfies FastifyServerOptions;

/** Builds the server; the caller listens and closes. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { config, store, reading, registry, extensions, metrics, log, drain = new Drain() } = options;
  const wrongKeys = new WrongKeys(log);
  const access = new Access(config);
  const context: ApiContext = {
    config,
    store,
    submits: new SubmitQueue(store),
    reading,
    registry,
    extensions: new Map(extensions.map((extension) => [extension.type, extension])),
    log,
    resultLink: resultLinkOf(registry, log),
    drain,
  };

  const app = createServer({ log, drain, wrongKeys, host: config.host }, plainPoll(context, access));
  guard(app, access);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => parseJsonBody(body),
  );

  assetRoutes(app);
  homeRoutes(app, context);
  taskRoutes(app, context);
  listRoutes(app, context, access);
  retryRoutes(app, context);
  pollRoutes(app, context);
  taskEventRoutes(app, context);
  groupRoutes(app, context);
  uploadRoutes(app, context);
  for (const extension of context.extensions.values()) extension.addRoutes?.(app, context);
  healthRoutes(app, context);
  metricsRoutes(app, metrics, access);
  app.register((scope, _options, done) => {
    signInRoutes(scope, access, wrongKeys);
    done();
  });
  app.addHook('onClose', () => withinAnswerTime(context.submits.drain(), closeTimeMs).catch(() => undefined));
  await app.ready();
  return app;
}

/** The server of a process with the role `worker`: its health, which needs no key, and its metrics. */
export async function buildHealthApp({
  config,
  store,
  metrics,
  log,
  drain,
}: Required<Omit<AppOptions, 'reading' | 'registry' | 'extensions'>>): Promise<FastifyInstance> {
  const app = createServer({ log, drain, wrongKeys: new WrongKeys(log), host: config.host });
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff');
    done();
  });
  healthRoutes(app, { store, drain });
  metricsRoutes(app, metrics, new Access(config));
  await app.ready();
  return app;
}

interface ServerParts {
  readonly log: Logger;
  readonly drain: Drain;
  readonly wrongKeys: WrongKeys;
  readonly host: string;
}

/** A server without routes: it answers every faulty request with a problem, and logs requests. */
function createServer(
  { log, drain, wrongKeys, host }: ServerParts,
  answersFirst?: FirstHandler,
): FastifyInstance {
  const handleError = answerError(log, wrongKeys);
  const app = Fastify({
    ...serverOptions,
    serverFactory: (handle) => createHttpServer(handle, answersFirst),
    // Fastify would make a child logger for each request, polls too. Routes use the context's logger.
    logger: false,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: handleError,
  });
  listenOnAllOf(app, host);
  drain.follow(app.server);
  app.server.on('checkExpectation', answerExpectation);
  app.setErrorHandler(handleError);
  answerUnknownRoutes(app, log);
  logRequests(app, log);
  return app;
}
