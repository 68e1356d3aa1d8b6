import { databaseConfig, environment, flag, integer, readConfig, type ConfigOf } from '@feira/chassis'
import { z } from 'zod'
import { services } from './services.ts'

const names = services.map(({ name }) => name)

const serviceList = z
  .string()
  .transform(text => text.split(',').map(name => name.trim().replace(/^app-/, '')))
  .pipe(z.array(z.enum(names, `must name services among ${names.join(', ')}`)))

const port = (number: number, what: string) => integer(1, 65_535).default(number).describe(`port of ${what}`)

/** One variable per service, e.g. `ORDERS_PORT`. */
export function portVariable(service: string): string {
  return `${service.toUpperCase()}_PORT`
}

/** What `npm start`, `npm run infra` and `npm run demo` read. */
export const localConfig = {
  DATABASE_URL: z
    .string()
    .optional()
    .describe('a PostgreSQL login with CREATEDB and CREATEROLE, instead of the embedded server'),
  DATABASE_CA: databaseConfig.DATABASE_CA,
  BROKER_URL: z.string().optional().describe('a RabbitMQ, instead of the embedded broker'),
  BROKER_NAMESPACE: z.string().max(64).default('').describe('prefix of exchange and queues'),
  BROKER_QUEUE_TYPE: z.enum(['classic', 'quorum']).default('classic').describe('type of the queues declared'),
  SERVICES: serviceList.optional().describe('which services to start, e.g. orders,invoices'),
  SERVICE: serviceList.optional().describe('another name for SERVICES'),
  DATA_DIR: z.string().default('.feira').describe('where the embedded servers keep their data'),
  SMTP_URL: z.string().optional().describe('a mail server, instead of the one that catches every e-mail'),
  GATEWAY_PORT: port(8_000, 'the gateway'),
  POSTGRES_PORT: port(54_329, 'the embedded PostgreSQL'),
  BROKER_PORT: port(56_729, 'the embedded broker'),
  SMTP_PORT: port(1_025, 'the mail server that catches every e-mail'),
  MAIL_UI_PORT: port(8_025, 'the page that shows the e-mails caught'),
  PROMETHEUS_PORT: port(9_090, 'the Prometheus of `npm run prometheus`'),
  RATE_LIMIT: z
    .preprocess(text => (text === 'on' ? 'true' : text === 'off' ? 'false' : text), flag())
    .default(false)
    .describe('on: the gateway limits rates as Kong does'),
  JAEGER_PORT: port(16_686, "Jaeger's pages, which `npm run doctor` asks for traces"),
  FEIRA_TOKEN: z
    .string()
    .optional()
    .describe("an admin's access token for `npm run watch`, `doctor`, `dlq` and `smoke`, which else sign in as admin"),
  SMOKE_EMAIL: z
    .string()
    .default('smoke@example.com')
    .describe('where the e-mails to the throw-away customers of `npm run smoke` go'),
  SMOKE_ADMIN_EMAIL: z.string().optional().describe('an admin of the deployment, by whom `npm run smoke` cleans up'),
  SMOKE_ADMIN_PASSWORD: z.string().optional().describe('the password of that admin'),
  LOG_LEVEL: z.string().default('warn').describe('info shows every request and message'),
  ...Object.fromEntries(
    services.map(service => [portVariable(service.name), port(service.port, `app-${service.name}`)]),
  ),
}

export type LocalConfig = ConfigOf<typeof localConfig>

/** @throws ConfigError naming every bad variable. */
export function readLocalConfig(): LocalConfig {
  return readConfig('Feira', localConfig, environment())
}

/** The port that a service listens on in local mode. */
export function portOf(config: LocalConfig, service: string): number {
  return (config as Record<string, unknown>)[portVariable(service)] as number
}

/** The services to start. */
export function chosenServices(config: LocalConfig) {
  const chosen = config.SERVICES ?? config.SERVICE
  return chosen ? services.filter(({ name }) => chosen.includes(name)) : services
}
