import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { environment, provisionDatabase, setUpService, type Environment } from '@feira/chassis'
import { startBroker } from './broker/broker.ts'
import { portOf, type LocalConfig } from './config.ts'
import { startMailServer } from './mail/index.ts'
import { startPostgres } from './postgres/index.ts'
import { services } from './services.ts'

/** The servers that the services stand on, ready for every service. */
export interface Infra {
  readonly postgres: Server
  readonly broker: Server
  /** Takes the e-mails; when embedded it delivers none and shows them on a page. */
  readonly mail: Server
  /** What each service's own database and the broker are, as environment variables. */
  environmentOf(service: string): Environment
  stop(): Promise<void>
}

export interface Server {
  readonly url: string
  readonly embedded: boolean
}

/** The folder of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Starts the embedded servers, or takes those that the configuration names, and sets up every service on them, also those
 * that will not be started: their queues must exist before anything is published.
 */
export async function startInfra(config: LocalConfig, progress: (step: string) => void): Promise<Infra> {
  const stops: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const each of stops.splice(0).toReversed()) await each()
  }
  try {
    const data = path.resolve(root, config.DATA_DIR)
    progress(config.DATABASE_URL ? 'PostgreSQL of DATABASE_URL' : 'embedded PostgreSQL')
    const postgres = await findPostgres(config, data, stops)
    progress(config.BROKER_URL ? 'broker of BROKER_URL' : 'embedded broker')
    const broker = await findBroker(config, data, stops)
    const mail = await findMailServer(config, data, stops)
    progress('databases, migrations and queues')
    const environments = new Map<string, Environment>()
    for (const service of services) {
      const env = {
        DATABASE_URL: await provisionDatabase(postgres.url, { name: `feira_${service.name}`, ca: config.DATABASE_CA }),
        ...(config.DATABASE_CA === undefined ? {} : { DATABASE_CA: config.DATABASE_CA }),
        BROKER_URL: broker.url,
        BROKER_NAMESPACE: config.BROKER_NAMESPACE,
        BROKER_QUEUE_TYPE: config.BROKER_QUEUE_TYPE,
        SMTP_URL: mail.url,
        ...tokenIssuer(config),
      }
      environments.set(service.name, env)
      await setUpService(service, env, progress)
    }
    return { postgres, broker, mail, stop, environmentOf: service => environments.get(service) ?? {} }
  } catch (error) {
    await stop()
    throw error
  }
}

async function findPostgres(config: LocalConfig, data: string, stops: (() => Promise<void>)[]): Promise<Server> {
  if (config.DATABASE_URL) return { url: config.DATABASE_URL, embedded: false }
  const server = await startPostgres({ dataDirectory: path.join(data, 'postgres'), port: config.POSTGRES_PORT })
  stops.push(() => server.stop())
  return { url: server.url, embedded: true }
}

async function findBroker(config: LocalConfig, data: string, stops: (() => Promise<void>)[]): Promise<Server> {
  if (config.BROKER_URL) return { url: config.BROKER_URL, embedded: false }
  const server = await startBroker({ dataDirectory: path.join(data, 'broker'), port: config.BROKER_PORT })
  stops.push(() => server.close())
  return { url: server.url, embedded: true }
}

async function findMailServer(config: LocalConfig, data: string, stops: (() => Promise<void>)[]): Promise<Server> {
  if (config.SMTP_URL) return { url: config.SMTP_URL, embedded: false }
  const server = await startMailServer({
    port: config.SMTP_PORT,
    httpPort: config.MAIL_UI_PORT,
    dataDirectory: path.join(data, 'mail'),
  })
  stops.push(() => server.stop())
  return { url: `smtp://127.0.0.1:${config.SMTP_PORT}`, embedded: true }
}

/** Who issues tokens, unless the environment names another issuer: app-users, as it is found through the gateway. */
function tokenIssuer(config: LocalConfig): Environment {
  const { AUTH_ISSUER, AUTH_JWKS_URL } = environment()
  return {
    AUTH_ISSUER: AUTH_ISSUER ?? `http://localhost:${config.GATEWAY_PORT}`,
    AUTH_JWKS_URL: AUTH_JWKS_URL ?? `http://127.0.0.1:${portOf(config, 'users')}/auth/jwks.json`,
  }
}
