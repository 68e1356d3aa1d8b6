import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { startGateway, type Gateway } from '@feira/local/src/gateway/index.ts'
import { BrokerView } from './broker.ts'
import { createDatabase, type TestDatabase } from './database.ts'
import { OrderBook } from './order-book.ts'
import { root, type Environment } from './program.ts'
import { ServiceProcess, type ServiceName } from './service-process.ts'
import type { TcpProxy } from './tcp-proxy.ts'

export interface FeiraOptions {
  /** A login that may make databases. */
  readonly databaseUrl: string
  readonly brokerUrl: string
  /** Networks between the services and their servers. */
  readonly network?: { readonly database?: TcpProxy; readonly broker?: TcpProxy }
  /** For every service. */
  readonly env?: Environment
  /** Whether everything published is noted. Default true; then no message is unroutable. */
  readonly tap?: boolean
}

/** The queues that the services declare, by the names they have on the wire. */
export const consumerQueue = 'invoices.on-order-created'
/** Milliseconds. */
export const retryDelays = [100, 200, 400]
export const queues = queuesFor(retryDelays)

export function queuesFor(delays: readonly number[]): string[] {
  return [consumerQueue, `${consumerQueue}.dlq`, ...delays.map(delay => `${consumerQueue}.retry.${delay}ms`)]
}

const defaults: Environment = {
  RETRY_DELAYS: retryDelays.map(ms => `${ms}ms`).join(','),
  // Two replicas of two services must fit into the connections of a small server.
  DATABASE_POOL: '8',
}

/** The system under test: services as processes, each on its own database, behind the gateway. */
export class Feira {
  readonly broker: BrokerView
  /** Whether everything published is noted. */
  readonly tapped: boolean
  readonly databases: Readonly<Record<ServiceName, TestDatabase>>
  /** Orders placed through the gateway. */
  readonly book = new OrderBook(() => this.url)
  readonly #replicas: ServiceProcess[] = []
  readonly #options: FeiraOptions
  readonly #namespace: string
  #gateway: Gateway | undefined

  private constructor(options: FeiraOptions, namespace: string, databases: Record<ServiceName, TestDatabase>) {
    this.#options = options
    this.#namespace = namespace
    this.databases = databases
    this.tapped = options.tap !== false
    this.broker = new BrokerView(options.brokerUrl, namespace)
  }

  /** Makes databases, queues and the gateway; no service runs yet. */
  static async setUp(options: FeiraOptions): Promise<Feira> {
    const run = `journey-${randomBytes(4).toString('hex')}`
    const [orders, invoices] = await Promise.all([
      createDatabase(options.databaseUrl, `${run}-orders`),
      createDatabase(options.databaseUrl, `${run}-invoices`),
    ])
    const feira = new Feira(options, `${run}.`, { orders, invoices })
    try {
      const services = await Promise.all([feira.addReplica('orders'), feira.addReplica('invoices')])
      await Promise.all(services.map(service => service.setUp()))
      if (feira.tapped) await feira.broker.tap()
      feira.#gateway = await feira.#openGateway()
      return feira
    } catch (error) {
      await feira.tearDown()
      throw error
    }
  }

  /** {@link setUp}, and one replica of every service running. */
  static async start(options: FeiraOptions): Promise<Feira> {
    const feira = await Feira.setUp(options)
    try {
      await Promise.all([feira.orders.start({}, '/ready'), feira.invoices.start({}, '/ready')])
      return feira
    } catch (error) {
      await feira.tearDown()
      throw error
    }
  }

  /** The first replica of app-orders. */
  get orders(): ServiceProcess {
    return this.#replicasOf('orders')[0] as ServiceProcess
  }

  /** The first replica of app-invoices. */
  get invoices(): ServiceProcess {
    return this.#replicasOf('invoices')[0] as ServiceProcess
  }

  /** The gateway's address. */
  get url(): string {
    return `http://127.0.0.1:${this.#gateway?.port}`
  }

  /** Another process of a service, not started yet. */
  async addReplica(name: ServiceName): Promise<ServiceProcess> {
    const { network = {}, brokerUrl, env } = this.#options
    const { url } = this.databases[name]
    const replica = await ServiceProcess.create(name, {
      ...defaults,
      DATABASE_URL: network.database?.through(url) ?? url,
      BROKER_URL: network.broker?.through(brokerUrl) ?? brokerUrl,
      BROKER_NAMESPACE: this.#namespace,
      ...env,
    })
    this.#replicas.push(replica)
    return replica
  }

  /** Ends every process and removes databases and queues, whatever state they are in. */
  async tearDown(): Promise<void> {
    await this.book.stopPlacing()
    await Promise.all(this.#replicas.map(replica => replica.destroy()))
    await this.#gateway?.close()
    const leavings = [this.broker.deleteAll(queues), this.databases.orders.drop(), this.databases.invoices.drop()]
    const failed = (await Promise.allSettled(leavings)).find(result => result.status === 'rejected')
    if (failed) throw failed.reason
  }

  #replicasOf(name: ServiceName): ServiceProcess[] {
    return this.#replicas.filter(replica => replica.name === name)
  }

  #openGateway(): Promise<Gateway> {
    const upstreams = {}
    const turns = { orders: 0, invoices: 0 }
    for (const [name, address] of [
      ['orders', 'app-orders:3333'],
      ['invoices', 'app-invoices:3334'],
    ] as const) {
      // Looked up for each request: replicas in rotation take turns.
      const next = () => {
        const ready = this.#replicasOf(name).filter(replica => replica.inRotation)
        const replica = ready[turns[name]++ % ready.length] ?? this.#replicasOf(name)[0]
        return { host: '127.0.0.1', port: (replica as ServiceProcess).port }
      }
      Object.defineProperty(upstreams, address, { get: next })
    }
    return startGateway({ configFile: join(root, 'docker/kong/kong.yml'), port: 0, upstreams })
  }
}
