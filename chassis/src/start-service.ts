import { setTimeout as sleep } from 'node:timers/promises'
import type { AddressInfo } from 'node:net'
import { baseConfig, ConfigError, readConfig, type BaseConfig, type Environment } from './config.ts'
import { startConsuming, type Consuming } from './consuming.ts'
import { createTransact, openDatabase, type DatabaseConnection } from './database.ts'
import { createGroupCommit } from './group-commit.ts'
import { startHousekeeping } from './housekeeping.ts'
import { createHttp } from './http/server.ts'
import { createTransactOnce } from './idempotency.ts'
import { createLogger, type Logger } from './log.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { migrate, pendingMigrations } from './migrate.ts'
import { opsRoutes } from './ops.ts'
import { openPublisher, type Publisher } from './publisher.ts'
import { startRelay, type Relay } from './relay.ts'
import type { App, Resources, Service } from './service.ts'
import { whenReachable } from './setup.ts'
import { exchangeName } from './topology.ts'
import { createTracer, type Tracer } from './tracer.ts'

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
 * Starts a service in this process: migrations, outbox relay, HTTP, consumers. It starts, and answers requests, while its
 * broker is away; it does not start without its database.
 * @throws ConfigError naming every bad variable; an error with code EADDRINUSE when the port is taken.
 */
export async function startService(service: Service, env: Environment): Promise<RunningService> {
  const subject = `app-${service.name}`
  const config = readConfig(subject, { ...baseConfig, ...service.config }, env) as BaseConfig
  refuseInProduction(subject, config)
  const log = createLogger(service.name, config)
  const database = openDatabase(subject, config, log)
  if (!config.SKIP_MIGRATIONS) await whenReachable(() => migrate(config.DATABASE_URL, service.migrations))
  const parts = await openParts(service, config, log, database)
  try {
    const address = await parts.http.listen({ host: config.HOST, port: config.PORT ?? service.port })
    const consuming = await startConsuming({ ...parts, service: service.name, consumers: service.consumers })
    parts.onConsuming(consuming)
    log.info({ address }, 'service started')
    return {
      name: service.name,
      url: localUrl(parts.http),
      http: parts.http,
      resources: parts.resources,
      stop: parts.stop,
    }
  } catch (error) {
    await parts.stop()
    throw error
  }
}

function refuseInProduction(subject: string, { NODE_ENV, CRASH_AT }: BaseConfig): void {
  if (NODE_ENV !== 'production' || CRASH_AT === undefined) return
  throw new ConfigError(subject, new Map([['CRASH_AT', 'is only for tests and refused with NODE_ENV=production']]))
}

interface Parts {
  readonly config: BaseConfig
  readonly resources: Resources
  readonly publisher: Publisher
  readonly tracer: Tracer
  readonly metrics: Metrics
  readonly http: App
  readonly reachable: () => Promise<boolean>
  onConsuming(consuming: Consuming): void
  stop(): Promise<void>
}

async function openParts(
  service: Service,
  config: BaseConfig,
  log: Logger,
  database: DatabaseConnection,
): Promise<Parts> {
  const { query } = database
  const metrics = createMetrics(service.name)
  metrics.watchPool(database.pool)
  metrics.watchOutbox(query)
  const tracer = await createTracer(service.name, config)
  let relay: Relay | undefined
  let consuming: Consuming | undefined
  let stopping = false
  const onPublished = () => relay?.wake()
  const exchange = exchangeName(config)
  const publisherName = `${service.name} publisher`
  const publisher = await openPublisher({
    name: publisherName,
    url: config.BROKER_URL,
    exchange,
    log,
    onConnect: onPublished,
  })
  relay = startRelay({ service: service.name, config, exchange, publisher, tracer, log, metrics })
  const transact = createTransact({ pool: database.pool, tracer, onPublished })
  const resources: Resources = {
    config,
    db: database.db,
    query,
    transact,
    transactOnce: createTransactOnce(transact),
    groupCommit: createGroupCommit({ query, tracer, onPublished }),
    log,
    metrics: metrics.registry,
  }
  const stopHousekeeping = startHousekeeping(query, config, log)
  const http = await createHttp({
    name: service.name,
    summary: service.summary,
    paths: service.paths,
    routes: [
      ...service.routes.map(route => (app: App) => route(app, resources as never)),
      opsRoutes(query, onPublished),
    ],
    log,
    metrics: metrics.registry,
    tracer,
    checks: {
      database: database.check,
      migrations: () => requireMigrated(database, service),
      broker: () =>
        requireNoTrouble(publisher.trouble() ?? (consuming ? consuming.trouble() : 'consumers not started yet')),
    },
    isStopping: () => stopping,
  })
  const stop = once(async () => {
    stopping = true
    const deadline = Date.now() + config.SHUTDOWN_TIMEOUT
    const remaining = () => Math.max(0, deadline - Date.now())
    log.info('stopping')
    stopHousekeeping()
    await atMost(remaining(), http.close())
    await atMost(remaining(), consuming?.stop(remaining()))
    await atMost(remaining(), relay?.stop())
    await atMost(remaining(), publisher.close())
    await atMost(remaining(), database.close())
    await atMost(remaining(), tracer.shutdown())
    log.info('stopped')
    log.flush()
  })
  return {
    config,
    resources,
    publisher,
    tracer,
    metrics,
    http,
    reachable: () => database.check().then(() => true, () => false), // prettier-ignore
    onConsuming: started => (consuming = started),
    stop,
  }
}

async function requireMigrated(database: DatabaseConnection, service: Service): Promise<void> {
  const pending = await pendingMigrations(database.query, service.migrations)
  if (pending > 0) throw new Error('the database lacks migrations; run `npm run setup`')
}

async function requireNoTrouble(trouble: string | undefined): Promise<void> {
  if (trouble !== undefined) throw new Error(trouble)
}

async function atMost(milliseconds: number, work: Promise<unknown> | undefined): Promise<void> {
  await Promise.race([Promise.resolve(work).catch(() => {}), sleep(milliseconds, undefined, { ref: false })])
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= work())
}

function localUrl(http: App): string {
  const { port } = http.server.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}
