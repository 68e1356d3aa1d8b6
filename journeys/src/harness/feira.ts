import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { startGateway, type Gateway } from '@feira/local/src/gateway/index.ts'
import { BrokerView } from './broker.ts'
import { createDatabase, type TestDatabase } from './database.ts'
import { post } from './http.ts'
import { Issuer } from './issuer.ts'
import { OrderBook } from './order-book.ts'
import { root, type Environment } from './program.ts'
import { queuesOf } from './queues.ts'
import { ServiceProcess, type ServiceName } from './service-process.ts'
import type { TcpProxy } from './tcp-proxy.ts'

export interface FeiraOptions {
  /** A login that may make databases. */
  readonly databaseUrl: string
  readonly brokerUrl: string
  /** Which services there are; default app-orders and app-invoices, with an issuer of tokens from outside. */
  readonly services?: readonly ServiceName[]
  /** Networks between the services and their servers. */
  readonly network?: { readonly database?: TcpProxy; readonly broker?: TcpProxy }
  /** For every service. */
  readonly env?: Environment
  /** Whether everything published is noted. Default true; then no message is unroutable. */
  readonly tap?: boolean
}

/** The queue that most faults are tried on. */
export const consumerQueue = 'invoices.on-order-created'
/** Milliseconds. */
export const retryDelays = [100, 200, 400]

const defaults: Environment = {
  RETRY_DELAYS: retryDelays.map(ms => `${ms}ms`).join(','),
  // Two replicas of every service must fit into the connections of a small server.
  DATABASE_POOL: '4',
}

/** Where the gateway looks for each service: the address in kong.yml. */
const upstreamOf: Readonly<Record<ServiceName, string>> = {
  orders: 'app-orders:3333',
  invoices: 'app-invoices:3334',
  users: 'app-users:3335',
  products: 'app-products:3336',
  notifications: 'app-notifications:3337',
  queries: 'app-queries:3338',
  partners: 'app-partners:3339',
}

type Headers = Readonly<Record<string, string>>

/** The system under test: services as processes, each on its own database, behind the gateway. */
export class Feira {
  readonly broker: BrokerView
  /** Whether everything published is noted. */
  readonly tapped: boolean
  /** Those of the services that there are. */
  readonly databases: Readonly<Record<ServiceName, TestDatabase>>
  readonly services: readonly ServiceName[]
  /** The queues of those services, by the names they have on the wire. */
  readonly queues: readonly string[]
  /** Orders placed through the gateway. */
  readonly book = new OrderBook(
    () => this.url,
    () => this.admin,
  )
  readonly #replicas: ServiceProcess[] = []
  readonly #options: FeiraOptions
  readonly #namespace: string
  #issuer: Issuer | undefined
  #admin: Headers = {}
  #gateway: Gateway | undefined

  private constructor(options: FeiraOptions, namespace: string, databases: Feira['databases']) {
    this.#options = options
    this.#namespace = namespace
    this.databases = databases
    this.services = options.services ?? ['orders', 'invoices']
    this.queues = this.services.flatMap(name => queuesOf(name, retryDelays))
    this.tapped = options.tap !== false
    this.broker = new BrokerView(options.brokerUrl, namespace)
  }

  /** Makes databases, queues and the gateway; no service runs yet. */
  static async setUp(options: FeiraOptions): Promise<Feira> {
    const run = `journey-${randomBytes(4).toString('hex')}`
    const { services = ['orders', 'invoices'] } = options
    const made = await Promise.all(
      services.map(async name => [name, await createDatabase(options.databaseUrl, `${run}-${name}`)] as const),
    )
    const feira = new Feira(options, `${run}.`, Object.fromEntries(made) as Feira['databases'])
    try {
      if (!services.includes('users')) feira.#issuer = await Issuer.start()
      // app-users first: the others need to know where its keys are.
      for (const name of services.toSorted((a, b) => Number(b === 'users') - Number(a === 'users')))
        await feira.addReplica(name)
      await Promise.all(feira.#replicas.map(replica => replica.setUp()))
      if (feira.#issuer) feira.#admin = await feira.#introduceAdmin(feira.#issuer)
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
      await Promise.all(feira.#replicas.map(replica => replica.start({}, '/ready')))
      if (feira.services.includes('users')) feira.#admin = await feira.signIn('admin', 'admin')
      return feira
    } catch (error) {
      await feira.tearDown()
      throw error
    }
  }

  /** The first replica of a service. */
  service(name: ServiceName): ServiceProcess {
    return this.replicas(name)[0] as ServiceProcess
  }

  /** All replicas of a service, in the order in which they were added. */
  replicas(name: ServiceName): readonly ServiceProcess[] {
    return this.#replicas.filter(replica => replica.name === name)
  }

  get orders(): ServiceProcess {
    return this.service('orders')
  }

  get invoices(): ServiceProcess {
    return this.service('invoices')
  }

  /** The gateway's address. */
  get url(): string {
    return `http://127.0.0.1:${this.#gateway?.port}`
  }

  /** Headers of a request by somebody who may do everything. */
  get admin(): Headers {
    return this.#admin
  }

  /** Signs in at app-users. @returns headers of a request by that user. */
  async signIn(username: string, password: string): Promise<Headers> {
    const { status, body } = await post(`${this.url}/auth/login`, { username, password })
    if (status !== 200) throw new Error(`${username} could not sign in: ${status} ${JSON.stringify(body)}`)
    return { authorization: `Bearer ${(body as { access_token: string }).access_token}` }
  }

  /** From now on requests of {@link admin} are those of the real admin; for systems that were only {@link setUp}. */
  async signInAdmin(): Promise<void> {
    this.#admin = await this.signIn('admin', 'admin')
  }

  /** Another process of a service, not started yet. */
  async addReplica(name: ServiceName): Promise<ServiceProcess> {
    const { network = {}, brokerUrl, env } = this.#options
    const { url } = this.databases[name]
    const replica = await ServiceProcess.create(name, ownUrl => ({
      ...defaults,
      DATABASE_URL: network.database?.through(url) ?? url,
      BROKER_URL: network.broker?.through(brokerUrl) ?? brokerUrl,
      BROKER_NAMESPACE: this.#namespace,
      ...(this.#issuer?.environment ?? {
        AUTH_JWKS_URL: `${this.replicas('users')[0]?.url ?? ownUrl}/auth/jwks.json`,
      }),
      ...env,
    }))
    this.#replicas.push(replica)
    return replica
  }

  /** Ends every process and removes databases and queues, whatever state they are in. */
  async tearDown(): Promise<void> {
    await this.book.stopPlacing()
    await Promise.all(this.#replicas.map(replica => replica.destroy()))
    await this.#gateway?.close()
    await this.#issuer?.stop()
    const drops = Object.values(this.databases).map(database => database.drop())
    const failed = (await Promise.allSettled([this.broker.deleteAll(this.queues), ...drops])).find(
      result => result.status === 'rejected',
    )
    if (failed) throw failed.reason
  }

  /** Tells app-orders of a customer, as app-users would, before anybody takes note of what is published. */
  async #introduceAdmin(issuer: Issuer): Promise<Headers> {
    const id = randomUUID()
    const at = new Date().toISOString()
    const profile = { name: 'Ana Souza', email: 'ana@example.com', role: 'admin', status: 'active', locale: 'pt-BR' }
    const body = JSON.stringify({ userId: id, version: 1, ...profile, createdAt: at, updatedAt: at })
    await this.broker.publish([{ type: 'user.created', body, options: { messageId: randomUUID() } }])
    return issuer.headersFor({ id, roles: ['admin'] })
  }

  #openGateway(): Promise<Gateway> {
    const upstreams = {}
    for (const [name, address] of Object.entries(upstreamOf) as [ServiceName, string][]) {
      let turn = 0
      // Looked up for each request: replicas in rotation take turns.
      const next = () => {
        const all = this.replicas(name)
        const ready = all.filter(replica => replica.inRotation)
        const replica = ready[turn++ % ready.length] ?? all[0]
        // Port 1 is where nobody listens.
        return { host: '127.0.0.1', port: replica?.port ?? 1 }
      }
      Object.defineProperty(upstreams, address, { get: next, enumerable: true })
    }
    return startGateway({ configFile: join(root, 'docker/kong/kong.yml'), port: 0, upstreams })
  }
}
