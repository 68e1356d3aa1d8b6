import underPressure from '@fastify/under-pressure'
import Fastify, { LogController, type FastifyBaseLogger, type RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Registry } from 'prom-client'
import { rejections } from '../rejection.ts'
import type { App } from '../service.ts'
import type { Authenticate } from '../auth/authenticate.ts'
import type { Tracer } from '../telemetry/tracer.ts'
import { requireAccess } from './access.ts'
import { acceptJson } from './body.ts'
import type { Checks } from './checks.ts'
import { closeSilentConnections } from './connections.ts'
import { addDocs } from './docs.ts'
import { answerErrors, answerMalformedRequest, refuseUnrouted } from './errors.ts'
import { correlationIdOf, createObserver } from './observe.ts'
import { addProbes } from './probes.ts'
import { compileSerializer } from './serializer.ts'
import { refuseBadUrl } from './url.ts'
import { compileValidator } from './validation.ts'

export interface HttpOptions {
  /** The service's name, e.g. `orders`: in problem types and the title of the OpenAPI document. */
  readonly name: string
  readonly summary: string
  /** Public paths, e.g. `/orders`; probes and documentation are also found below each. */
  readonly paths: readonly string[]
  /** Register the endpoints, each bound to the resources it needs; its name is the id of its operation. */
  readonly routes: readonly ((app: App) => void)[]
  readonly log: FastifyBaseLogger
  readonly metrics: Registry
  readonly tracer: Tracer
  readonly authenticate: Authenticate
  /** The roles of callers by API key; default none. */
  readonly keyRoles?: readonly string[]
  /** One probe per dependency, e.g. `database`; it rejects while the dependency cannot be used. */
  readonly checks: Checks
  /** True from the first moment of a graceful stop. */
  readonly isStopping: () => boolean
  /** Bytes; default 1 MiB. */
  readonly bodyLimit?: number
  /** Mean event loop delay, in ms, above which requests are turned away with 503; default 500. */
  readonly maxEventLoopDelay?: number
}

/** The HTTP server of a service, ready to listen or to be injected into. The caller closes it. */
export async function createHttp(options: HttpOptions): Promise<App> {
  const { name, summary, paths, keyRoles = [], checks, metrics, isStopping, log } = options
  const observer = createObserver(options)
  const answer = answerErrors(name, observer)
  const app: App = Fastify<RawServerDefault>({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // Log lines get their ids from the running trace; a child logger per request would add nothing.
    childLoggerFactory: logger => logger,
    genReqId: correlationIdOf,
    trustProxy: ['loopback', 'linklocal', 'uniquelocal'],
    bodyLimit: options.bodyLimit ?? 1_048_576,
    requestTimeout: 30_000,
    http: { headersTimeout: 15_000, connectionsCheckingInterval: 5_000 },
    forceCloseConnections: 'idle',
    // What arrives on an open connection while closing is served; a gateway may not send it again.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    clientErrorHandler: answerMalformedRequest(name),
    frameworkErrors: (error, request, reply) => {
      observer.observe(request, reply, () => answer(error, request, reply))
    },
    schemaController: { compilersFactory },
  }).withTypeProvider<ZodTypeProvider>()

  app.addHook('onRequest', (request, reply, done) => observer.observe(request, reply, done))
  app.addHook('onRequest', (request, _reply, done) => {
    refuseBadUrl(request)
    done()
  })
  requireAccess(app, options.authenticate, keyRoles)
  acceptJson(app)
  app.setErrorHandler(answer)
  refuseUnrouted(app, answer)
  closeSilentConnections(app)
  addProbes(app, { paths, checks, metrics, isStopping, log })
  const document = addDocs(app, { name, summary, paths, keyRoles, answer })
  await app.register(async scope => {
    await scope.register(underPressure, overload(options.maxEventLoopDelay ?? 500))
    for (const route of options.routes) {
      document(route.name)
      route(scope)
    }
  })
  await app.ready()
  return app
}

// Given here rather than by setValidatorCompiler, which would still load the default compilers (some 15 ms).
const compilersFactory = {
  buildValidator: () => compileValidator as never,
  buildSerializer: () => compileSerializer as never,
}

// Utilisation is left out: an event loop that is always busy but answers in time is not overloaded.
function overload(maxEventLoopDelay: number) {
  return {
    maxEventLoopDelay,
    pressureHandler: () => {
      throw rejections.overloaded()
    },
  }
}
