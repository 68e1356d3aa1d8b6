import type { AddressInfo } from 'node:net'
import { acceptKeys } from './auth/api-keys.ts'
import { createAuthenticate, type Authenticate } from './auth/authenticate.ts'
import { IssuerKeys } from './auth/issuer-keys.ts'
import { createKeptKeys } from './auth/kept-keys.ts'
import { createTokenCache } from './auth/token-cache.ts'
import { baseConfig, ConfigError, readConfig, type BaseConfig, type Environment } from './config.ts'
import { openCache, type OpenCache } from './caching/open-cache.ts'
import { startConsuming, type Consuming } from './consuming/consuming.ts'
import { watchDeadLetters } from './consuming/dead-letter-metrics.ts'
import { watchQueues } from './consuming/queue-metrics.ts'
import { createTransact, openDatabase, type DatabaseConnection } from './database/database.ts'
import { watchPool } from './database/pool-metrics.ts'
import { databaseSpans } from './database/spans.ts'
import { createGroupCommit } from './writing/group-commit.ts'
import { sweepJobs } from './erasing/erase-subject.ts'
import { housekeeping } from './housekeeping.ts'
import { createHttp } from './http/server.ts'
import { createTransactOnce } from './writing/idempotency.ts'
import { startJobs } from './jobs.ts'
import { createLogger, type Logger } from './telemetry/log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import { migrate, pendingMigrations } from './database/migrate.ts'
import { watchOutbox, watchPublisher } from './publishing/outbox-metrics.ts'
import { openPublisher, type Publisher } from './publishing/publisher.ts'
import { startRelay, type Relay } from './publishing/relay.ts'
import { routesOf } from './service-routes.ts'
import type { App, Resources, Service } from './service.ts'
import { whenReachable } from './setup.ts'
import { createShutdown, type Shutdown } from './shutdown.ts'
import { exchangeName, queueNames, type QueueNames } from './broker/topology.ts'
import { createTracer, type Tracer } from './telemetry/tracer.ts'

export interface RunningService {
  readonly name: string
  /** Where it listens, e.g. `http://127.0.0.1:3333`. */
  readonly url: string
  readonly http: App
  readonly resources: Resources
  /** Readies nothing new, finishes what is in flight, closes everything; within `SHUTDOWN_TIMEOUT`. */
  stop(): Promise<void>
}

/**
 * Starts a service in this process: migrations, outbox relay, its own startup, HTTP, consumers. It starts, and answers requests, while its
 * broker is away; it does not start without its database.
 * @throws ConfigError naming every bad variable; an error with code EADDRINUSE when the port is taken.
 */
export async function startService(service: Service, env: Environment): Promise<RunningService> {
  const subject = `app-${service.name}`
  const config = readConfig(subject, { ...baseConfig, ...service.config }, env) as BaseConfig
  requireConsistency(subject, config)
  const log = createLogger(service.name, config)
  const shutdown = createShutdown(config.SHUTDOWN_TIMEOUT, log)
  try {
    const { http, resources } = await start({ service, config, log, shutdown })
    log.info({ url: localUrl(http) }, 'service started')
    return { name: service.name, url: localUrl(http), http, resources, stop: () => shutdown.run(config.SHUTDOWN_DELAY) }
  } catch (error) {
    await shutdown.run()
    throw error
  }
}

/** What one variable alone does not show. */
function requireConsistency(subject: string, config: BaseConfig): void {
  const problems = new Map<string, string>()
  if (config.NODE_ENV === 'production' && config.CRASH_AT !== undefined)
    problems.set('CRASH_AT', 'is only for tests and refused with NODE_ENV=production')
  if (config.SHUTDOWN_DELAY > 0 && config.SHUTDOWN_DELAY >= config.SHUTDOWN_TIMEOUT)
    problems.set('SHUTDOWN_DELAY', 'must be less than SHUTDOWN_TIMEOUT, which it is a part of')
  if (problems.size > 0) throw new ConfigError(subject, problems)
}

interface Starting {
  readonly service: Service
  readonly config: BaseConfig
  readonly log: Logger
  readonly shutdown: Shutdown
}

interface Parts extends Starting {
  readonly database: DatabaseConnection
  readonly publisher: Publisher
  readonly relay: Relay
  readonly cache: OpenCache
  readonly tracer: Tracer
  readonly metrics: Metrics
}

async function start(starting: Starting): Promise<{ http: App; resources: Resources }> {
  const { service, config } = starting
  const parts = await openParts(starting)
  const resources = toResources(parts)
  let consumersTrouble: Consuming['trouble'] = () => 'consumers not started yet'
  const cacheTrouble = () => (parts.cache.starting ? 'the cache is not connected yet' : undefined)
  const brokerTrouble = () => parts.publisher.trouble() ?? consumersTrouble() ?? cacheTrouble()
  await runStartup(starting, resources)
  const keys = openIssuerKeys(parts)
  const http = await openHttp(parts, resources, { authenticate: keys.authenticate, brokerTrouble })
  await http.listen({ host: config.HOST, port: config.PORT ?? service.port })
  // Only now, because the service that issues the tokens fetches from itself.
  keys.start()
  const consuming = await openConsuming(parts, resources)
  consumersTrouble = consuming.trouble
  const jobs = [housekeeping, ...sweepJobs(service), ...(service.jobs ?? [])]
  starting.shutdown.add('intake', 'jobs', startJobs({ jobs, resources, tracer: parts.tracer }))
  return { http, resources }
}

async function runStartup({ service, shutdown }: Starting, resources: Resources): Promise<void> {
  for (const begin of service.startup ?? []) {
    const end = await begin(resources as Resources<never>)
    if (end) shutdown.add('intake', begin.name, async () => end())
  }
}

async function openParts({ service, config, log, shutdown }: Starting): Promise<Parts> {
  const metrics = createMetrics(service.name)
  const tracer = await createTracer(service.name, config)
  shutdown.add('reports', 'tracer', () => tracer.shutdown())

  const database = openDatabase(`app-${service.name}`, config, log)
  shutdown.add('connections', 'database', () => database.close())
  if (!config.SKIP_MIGRATIONS) {
    await whenReachable(
      () => migrate(config, service.migrations),
      reason => log.warn(reason),
    )
  }

  const exchange = exchangeName(config)
  const options = { name: `${service.name} publisher`, url: config.BROKER_URL, exchange, log }
  const publisher = await openPublisher({ ...options, onConnect: () => relay.wake() })
  shutdown.add('connections', 'publisher', () => publisher.close())
  const relay = startRelay({ service: service.name, config, exchange, publisher, tracer, log, metrics })
  shutdown.add('relay', 'relay', () => relay.stop())
  watchParts({ service, config, metrics, database, publisher })
  const cache = await openCache({ service: service.name, config, log, registry: metrics.registry })
  shutdown.add('connections', 'cache', () => cache.close())
  return { service, config, log, shutdown, metrics, tracer, database, publisher, relay, cache }
}

function watchParts({
  service,
  config,
  metrics,
  database,
  publisher,
}: Omit<Parts, 'log' | 'shutdown' | 'relay' | 'cache' | 'tracer'>) {
  const { registry } = metrics
  watchPool(database.pool, registry)
  watchOutbox(database.query, registry)
  watchPublisher(publisher, registry)
  watchDeadLetters(database.query, queuesOf(service, config), registry)
}

function queuesOf({ name, consumers }: Service, config: BaseConfig): QueueNames[] {
  return consumers.map(consumer => queueNames(name, consumer, config))
}

function toResources({ config, log, metrics, tracer, database, relay, cache }: Parts): Resources {
  const { pool, db, query } = database
  const onPublished = relay.wake
  const transact = createTransact({ pool, tracer, onPublished, onInvalidated: tags => cache.invalidate(tags) })
  return {
    config,
    db,
    query,
    transact,
    transactOnce: createTransactOnce(transact),
    groupCommit: createGroupCommit({ query, spans: databaseSpans(tracer, config.DATABASE_URL), onPublished }),
    cache,
    log,
    metrics: metrics.registry,
  }
}

interface HttpNeeds {
  readonly authenticate: Authenticate
  readonly brokerTrouble: () => string | undefined
}

async function openHttp(parts: Parts, resources: Resources, needs: HttpNeeds): Promise<App> {
  const { service, log, shutdown, metrics, tracer, database, relay } = parts
  const http = await createHttp({
    name: service.name,
    summary: service.summary,
    paths: service.paths,
    routes: routesOf(service, resources, () => relay.wake()),
    log,
    metrics: metrics.registry,
    tracer,
    authenticate: service.apiKeys
      ? acceptKeys(service.apiKeys, resources as Resources<never>, needs.authenticate)
      : needs.authenticate,
    keyRoles: service.apiKeys?.roles ?? [],
    checks: {
      database: database.check,
      migrations: migrationCheck(database, service),
      broker: async () => requireNoTrouble(needs.brokerTrouble()),
    },
    isStopping: () => shutdown.started,
  })
  shutdown.add('intake', 'http', () => http.close())
  return http
}

function openIssuerKeys({ config, database, log, shutdown }: Parts) {
  const cache = createTokenCache()
  const keys = new IssuerKeys({
    url: config.AUTH_JWKS_URL,
    kept: createKeptKeys(database.query, config.AUTH_ISSUER),
    log,
    onChange: () => cache.clear(),
  })
  shutdown.add('relay', 'issuer keys', () => keys.stop())
  return { authenticate: createAuthenticate({ keys: keys.find, rules: config, cache }), start: () => keys.start() }
}

async function openConsuming(parts: Parts, resources: Resources): Promise<Consuming> {
  const { service, config, database, shutdown, publisher, tracer, metrics } = parts
  const consuming = await startConsuming({
    service: service.name,
    consumers: service.consumers,
    config,
    resources,
    publisher,
    tracer,
    metrics,
    reachable: () =>
      database.check().then(
        () => true,
        () => false,
      ),
  })
  shutdown.add('intake', 'consumers', milliseconds => consuming.stop(milliseconds))
  watchQueues(queuesOf(service, config), consuming.countQueues, metrics.registry)
  return consuming
}

/** Once the database has all migrations it keeps them, so there is nothing left to look for. */
function migrationCheck(database: DatabaseConnection, service: Service): () => Promise<void> {
  let migrated = false
  return async () => {
    migrated ||= (await pendingMigrations(database.query, service.migrations)) === 0
    if (!migrated) throw new Error('the database lacks migrations; run `npm run setup`')
  }
}

function requireNoTrouble(trouble: string | undefined): void {
  if (trouble !== undefined) throw new Error(trouble)
}

function localUrl(http: App): string {
  const { port } = http.server.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}
