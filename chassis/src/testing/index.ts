import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Data, Message, Payload } from '@feira/contracts'
import { connect, type ChannelModel, type Options } from 'amqplib'
import { inject } from 'vitest'
import type { Environment } from '../config.ts'
import { newId } from '../ids.ts'
import { migrate } from '../database/migrate.ts'
import { cloneDatabase, dropDatabase, provisionDatabase } from '../database/provision.ts'
import type { Service } from '../service.ts'
import { startService, type RunningService } from '../start-service.ts'
import { exchangeName, queueNames } from '../broker/topology.ts'
import { testAudience, testIssuer, testKeySetUrl } from './tokens.ts'

export * from './exposition.ts'
export * from './ports.ts'
export * from './strangers.ts'
export * from './tokens.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A login that may make databases. */
    databaseUrl: string
    brokerUrl: string
  }
}

export interface TestService extends RunningService, AsyncDisposable {
  readonly env: Environment
  /**
   * Publishes a message as its owner would and waits until every consumer of this service has handled it or given it up.
   * What only unbound queues take is sent to each of them.
   * @returns its message id.
   */
  deliver<M extends Message>(message: M, payload: Payload<M>, options?: Options.Publish): Promise<string>
  /** Publishes a body as it is, and waits likewise. */
  deliverRaw(message: Message, body: string, options?: Options.Publish): Promise<string>
  /** What the service has published of one type, oldest first. */
  published<M extends Message>(message: M): Promise<Data<M>[]>
}

/**
 * Starts a service on a database of its own and under a broker namespace of its own, on the servers of the test run;
 * disposing of it removes both.
 */
export async function startTestService(service: Service, env: Environment = {}): Promise<TestService> {
  const database = await createTestDatabase(service)
  const namespace = `test-${randomBytes(4).toString('hex')}.`
  const settings = {
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: database.url,
    BROKER_URL: inject('brokerUrl'),
    BROKER_NAMESPACE: namespace,
    LOG_LEVEL: 'silent',
    DATABASE_POOL: '8',
    RETRY_DELAYS: '20ms,40ms',
    AUTH_ISSUER: testIssuer,
    AUTH_AUDIENCE: testAudience,
    AUTH_JWKS_URL: await testKeySetUrl(),
    ...env,
  }
  const running = await startService(service, settings)
  await waitUntil('the service is ready', async () => (await running.http.inject('/ready')).statusCode === 200)
  const broker = await connect(settings.BROKER_URL)
  const deliverRaw = (message: Message, body: string, options: Options.Publish = {}) =>
    deliver({ running, service, broker, namespace }, message, body, options)
  return {
    ...running,
    env: settings,
    deliverRaw,
    deliver: (message, payload, options) => deliverRaw(message, JSON.stringify(payload), options),
    published: message => published(running, message),
    async [Symbol.asyncDispose]() {
      await running.stop()
      await removeTopology(broker, service, running, namespace)
      await broker.close()
      await database.drop()
    },
  }
}

/** A copy of the service's migrated database; making it takes a tenth of a second after the first time. */
export async function createTestDatabase(service: Service): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const adminUrl = inject('databaseUrl')
  const template = `feira_template_${service.name}_${fingerprintOf(service)}`
  const DATABASE_URL = await provisionDatabase(adminUrl, { name: template, owner: `feira_test_${service.name}` })
  await migrate({ DATABASE_URL }, service.migrations)
  const name = `feira_test_${service.name}_${randomBytes(6).toString('hex')}`
  // Another test file may be connected to the template for a moment to see that it is migrated.
  const url = await eventually(() => cloneDatabase(adminUrl, { template, name }))
  return { url, drop: () => dropDatabase(adminUrl, name) }
}

/** Waits for a condition, at most `timeout` ms. @throws naming the condition. */
export async function waitUntil(
  what: string,
  condition: () => Promise<boolean> | boolean,
  timeout = 15_000,
): Promise<void> {
  const deadline = Date.now() + timeout
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeout} ms in vain until ${what}`)
    await sleep(10)
  }
}

async function eventually<Result>(work: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + 10_000
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await sleep(50)
    }
  }
}

function fingerprintOf({ migrations }: Service): string {
  const hash = createHash('sha256')
  for (const folder of [new URL('../../migrations/', import.meta.url), migrations]) {
    const files = readdirSync(fileURLToPath(folder)).filter(file => file.endsWith('.sql'))
    for (const file of files.toSorted()) hash.update(readFileSync(new URL(file, folder)))
  }
  return hash.digest('hex').slice(0, 12)
}

interface Delivering {
  readonly running: RunningService
  readonly service: Service
  readonly broker: ChannelModel
  readonly namespace: string
}

async function deliver(context: Delivering, message: Message, body: string, options: Options.Publish): Promise<string> {
  const { running, service, broker, namespace } = context
  const { config, query } = running.resources
  const messageId = options.messageId ?? newId()
  const takers = service.consumers.filter(({ messages }) => messages.some(({ type }) => type === message.type))
  if (takers.length === 0) throw new Error(`app-${service.name} does not listen to ${message.type}`)
  const listening = takers.filter(({ bound }) => bound !== false)
  const queues = (listening.length > 0 ? listening : takers).map(each => queueNames(service.name, each, config).main)
  const channel = await broker.createConfirmChannel()
  const properties = { persistent: true, type: message.type, messageId, ...options }
  if (listening.length > 0)
    channel.publish(exchangeName({ BROKER_NAMESPACE: namespace }), message.type, Buffer.from(body), properties)
  else for (const queue of queues) channel.sendToQueue(queue, Buffer.from(body), properties)
  await channel.waitForConfirms()
  await waitUntil(`${message.type} ${messageId} is handled`, async () => {
    const { rows } = await query<{ settled: number }>({
      text: `select count(*)::int as settled from unnest($1::text[]) as queue where exists (
               select 1 from chassis.processed_messages where consumer = queue and message_id = $2) or exists (
               select 1 from chassis.dead_letters d where d.queue = queue.queue and d.message_id = $2)`,
      values: [queues, messageId],
    })
    return rows[0]?.settled === queues.length
  })
  // The inbox cannot show that a repetition was seen; an empty queue can.
  await waitUntil('its queues are empty', async () => {
    const counts = await Promise.all(queues.map(queue => channel.checkQueue(queue)))
    return counts.every(({ messageCount }) => messageCount === 0)
  })
  await channel.close()
  return messageId
}

async function published<M extends Message>({ resources }: RunningService, message: M): Promise<Data<M>[]> {
  const { rows } = await resources.query<{ payload: Data<M> & object }>({
    text: 'select payload from chassis.outbox where type = $1 order by id',
    values: [message.type],
  })
  return rows.map(row => row.payload)
}

async function removeTopology(broker: ChannelModel, service: Service, running: RunningService, namespace: string) {
  const channel = await broker.createChannel()
  for (const consumer of service.consumers) {
    const { main, dead, retries } = queueNames(service.name, consumer, running.resources.config)
    for (const queue of [main, dead, ...retries.map(({ name }) => name)]) await channel.deleteQueue(queue)
  }
  await channel.deleteExchange(exchangeName({ BROKER_NAMESPACE: namespace }))
  await channel.close()
}
