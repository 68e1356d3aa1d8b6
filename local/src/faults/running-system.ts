import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectionOptions, DatabaseClient, type DatabaseSettings } from '@feira/chassis'
import { connect, type ConfirmChannel } from 'amqplib'
import type pg from 'pg'
import { ask, describeSilence, fieldsOf, isLoopback, type Question } from '../ask.ts'
import { portOf, type LocalConfig } from '../config.ts'
import { root } from '../infra.ts'
import { signIn } from '../token.ts'
import { CannotBreak } from './fault.ts'

export interface Ask extends Pick<Question, 'method' | 'body'> {
  /** A partner's, instead of the admin's token. */
  readonly key?: string
}

/** A system of `npm start` as faults see it: its databases, its broker, and its services as the admin. */
export interface RunningSystem {
  readonly config: LocalConfig
  /** Works in the database of a service as its server's superuser. */
  inDatabase<Result>(service: string, work: (client: pg.Client) => Promise<Result>): Promise<Result>
  onChannel<Result>(work: (channel: ConfirmChannel) => Promise<Result>): Promise<Result>
  /** Asks a service at its own port. @returns the body. @throws when it does not answer 2xx. */
  ask(service: string, path: string, ask?: Ask): Promise<Readonly<Record<string, unknown>>>
  /** Asks again and again, some clients at once, whatever the answer, until the signal aborts. */
  keepAsking(service: string, path: string, clients: number, signal: AbortSignal): Promise<void>
  /** Puts a product into the catalogue that is only there for the fault. @returns its id. */
  addProduct(stock: number): Promise<string>
}

/** The name that the connections of faults have in PostgreSQL. */
export const applicationName = 'feira-break'

/**
 * Finds the system that runs by this configuration.
 * @param anywhere whether servers on other machines may be broken, too
 * @throws CannotBreak, SignInFailed
 */
export async function findSystem(config: LocalConfig, anywhere: boolean): Promise<RunningSystem> {
  const database = config.DATABASE_URL ?? embeddedDatabase(config)
  const broker = config.BROKER_URL ?? `amqp://guest:guest@127.0.0.1:${config.BROKER_PORT}`
  if (!anywhere) for (const url of [database, broker]) requireLocal(url)
  const addressOf = (service: string) => `http://127.0.0.1:${portOf(config, service)}`
  const token = await signIn(addressOf('users'), 'admin', 'admin')

  const askService: RunningSystem['ask'] = async (service, path, { key, ...question } = {}) => {
    const url = addressOf(service) + path
    const method = question.body ? 'POST' : 'GET'
    const contact = await ask(url, { method, ...question, ...(key ? { headers: { 'x-api-key': key } } : { token }) })
    if (!contact.answered) throw new Error(`${url}: ${describeSilence(contact)}`)
    if (contact.status >= 300) throw new Error(`${url} was answered ${contact.status}: ${JSON.stringify(contact.body)}`)
    return fieldsOf(contact)
  }
  const keepAskingOnce = async (url: string, signal: AbortSignal) => {
    while (!signal.aborted) {
      try {
        await (await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal })).arrayBuffer()
      } catch {
        // No answer will do.
      }
      await sleep(100)
    }
  }
  return {
    config,
    inDatabase: (service, work) => withClient({ ...config, DATABASE_URL: database }, `feira_${service}`, work),
    onChannel: work => withChannel(broker, work),
    ask: askService,
    async keepAsking(service, path, clients, signal) {
      await Promise.all(Array.from({ length: clients }, () => keepAskingOnce(addressOf(service) + path, signal)))
    },
    async addProduct(stock) {
      const sku = `FAULT-${randomUUID().slice(0, 8)}`
      return String(
        (await askService('products', '/products', { body: { sku, name: 'Only for a fault', price: 1, stock } }))['id'],
      )
    },
  }
}

/** @throws CannotBreak for a server that is not on this machine. */
export function requireLocal(url: string): void {
  const { hostname } = new URL(url)
  if (isLoopback(hostname)) return
  throw new CannotBreak(`${hostname} is not this machine. With --anywhere it is broken all the same.`)
}

function embeddedDatabase(config: LocalConfig): string {
  const folder = path.resolve(root, config.DATA_DIR, 'postgres')
  const note = path.join(folder, 'relocated-to')
  const placed = existsSync(note) ? readFileSync(note, 'utf8').trim() : folder
  const password = path.join(placed, 'cluster/password')
  if (!existsSync(password))
    throw new CannotBreak(`Nothing has run in ${config.DATA_DIR} yet. \`npm start\` starts it.`)
  return `postgres://postgres:${readFileSync(password, 'utf8').trim()}@127.0.0.1:${config.POSTGRES_PORT}/postgres`
}

async function withClient<Result>(
  { DATABASE_URL, DATABASE_CA }: DatabaseSettings,
  database: string,
  work: (client: pg.Client) => Promise<Result>,
) {
  const url = new URL(DATABASE_URL)
  url.pathname = database
  const options = connectionOptions({ DATABASE_URL: url.href, DATABASE_CA })
  const client = new DatabaseClient({ ...options, application_name: applicationName })
  // `mend` may end it.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

async function withChannel<Result>(url: string, work: (channel: ConfirmChannel) => Promise<Result>) {
  const model = await connect(url)
  model.on('error', () => {})
  try {
    return await work(await model.createConfirmChannel())
  } finally {
    await model.close()
  }
}
