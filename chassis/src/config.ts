import { z } from 'zod'
import { areCertificates } from './certificates.ts'

export type Environment = Readonly<Record<string, string | undefined>>
/**
 * What is read from the environment, by name. A default with `.meta({ developmentDefault: true })` is for development:
 * with NODE_ENV=production the variable must be set.
 */
export type ConfigShape = Readonly<Record<string, z.ZodType>>
export type ConfigOf<Shape extends ConfigShape> = { readonly [Name in keyof Shape]: z.output<Shape[Name]> }
export type BaseConfig = ConfigOf<typeof baseConfig>

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A duration such as `500ms`, `1s`, `5m`, `24h` or `7d`, read as whole milliseconds: the broker takes no others. */
export const duration = () =>
  z
    .string()
    .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'must be a duration such as 500ms, 1s, 5m, 24h or 7d')
    .transform(text => {
      const unit = text.replace(/^[\d.]+/, '') as keyof typeof units
      return Math.round(Number.parseFloat(text) * units[unit])
    })

/** Durations separated by commas, read as milliseconds: `1s,2s,4s`. */
export const durations = () =>
  z
    .string()
    .transform(text => text.split(',').map(part => part.trim()))
    .pipe(z.array(duration()))

/** `true` or `false` (also `1` and `0`). */
export const flag = () =>
  z.enum(['true', 'false', '1', '0'], 'must be true or false').transform(text => text === 'true' || text === '1')

/** Names separated by commas, at least one. */
export const names = () =>
  z
    .string()
    .transform(text => text.split(',').map(part => part.trim()))
    .pipe(z.array(z.string().min(1, 'must be names separated by commas')))

/** A whole number between two bounds, both included. */
export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max))

/** The name of a time zone in the IANA database: `America/Sao_Paulo`, `Etc/UTC`; not an offset. */
export const timeZone = () => z.string().refine(isTimeZone, 'must be an IANA time zone')

function isTimeZone(name: string): boolean {
  if (!/^[a-z]/i.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

const url = (...protocols: string[]) =>
  z
    .string()
    .refine(text => protocols.includes(URL.parse(text)?.protocol.slice(0, -1) ?? ''), {
      error: `must be a URL that starts with ${protocols.join(':// or ')}://`,
    })
    .refine(hasReadableLogin, 'must have its user and password percent-encoded')

function hasReadableLogin(text: string): boolean {
  const { username = '', password = '' } = URL.parse(text) ?? {}
  try {
    decodeURIComponent(username + password)
    return true
  } catch {
    return false
  }
}

const sslModes = ['disable', 'require', 'verify-ca', 'verify-full']

/** Of what URLs of PostgreSQL may say about encryption only `sslmode` is read, and only where it needs no second try. */
function hasKnownEncryption(text: string): boolean {
  const parameters = [...(URL.parse(text)?.searchParams ?? [])].filter(([name]) => /ssl|libpq/.test(name))
  return parameters.every(([name, value]) => name === 'sslmode' && sslModes.includes(value))
}

/** What every connection to PostgreSQL is made by. */
export const databaseConfig = {
  DATABASE_URL: url('postgres', 'postgresql')
    .refine(hasKnownEncryption, `must say of encryption only sslmode=${sslModes.join('|')}`)
    .describe(
      'the PostgreSQL database of this service, e.g. postgres://user:password@127.0.0.1:5432/orders?sslmode=verify-full',
    ),
  DATABASE_CA: z
    .string()
    // How many tools write several lines into one variable.
    .transform(text => text.replaceAll('\\n', '\n'))
    .refine(areCertificates, 'must be certificates in PEM, -----BEGIN CERTIFICATE----- and so on')
    .optional()
    .describe("who signs its server's certificate, in PEM; without it, whom Node.js trusts"),
} as const satisfies ConfigShape

/** What every service reads. A service adds its own in `src/config.ts`. */
export const baseConfig = {
  NODE_ENV: z.string().default('development').describe('`production` refuses development settings'),
  PORT: integer(0, 65_535).optional().describe('port to listen on; the default is in service.ts'),
  HOST: z.string().default('0.0.0.0').describe('address to listen on'),
  ...databaseConfig,
  DATABASE_POOL: integer(4, 1_000).default(12).describe('connections to PostgreSQL, at most'),
  BROKER_URL: url('amqp', 'amqps').describe('RabbitMQ, e.g. amqp://guest:guest@127.0.0.1:5672'),
  BROKER_NAMESPACE: z.string().max(64).default('').describe('prefix of exchange and queues, for tests'),
  BROKER_QUEUE_TYPE: z.enum(['classic', 'quorum']).default('classic').describe('type of the queues declared'),
  REDIS_URL: url('redis', 'rediss')
    .optional()
    .describe('where replicas share their cache, e.g. redis://127.0.0.1:6379; without it each keeps its own'),
  CACHE_TTL: duration().default(30_000).describe('how long answers are cached at most; 0s caches nothing'),
  AUTH_ISSUER: url('http', 'https')
    .default('http://localhost:8000')
    .meta({ developmentDefault: true })
    .describe('who issues access tokens; compared with their claim iss, letter by letter'),
  AUTH_JWKS_URL: url('http', 'https')
    .default('http://127.0.0.1:3335/auth/jwks.json')
    .meta({ developmentDefault: true })
    .describe('where its public keys are, as a JWK Set'),
  AUTH_AUDIENCE: names().default(['feira']).describe('accepted in the claims aud and azp, separated by commas'),
  AUTH_ROLES_CLAIM: z
    .string()
    .default('roles')
    .describe('the claim with the roles of the caller; dots lead into objects: realm_access.roles'),
  OUTBOX_POLL_INTERVAL: duration().default(500).describe('how often the relay looks for messages of other processes'),
  OUTBOX_RETENTION: duration()
    .default(7 * units.d)
    .describe('how long published messages are kept for replay'),
  INBOX_RETENTION: duration()
    .default(30 * units.d)
    .describe('how long a handled message is remembered'),
  IDEMPOTENCY_RETENTION: duration().default(units.d).describe('how long answers to an Idempotency-Key are kept'),
  RETRY_DELAYS: durations()
    .default([1_000, 2_000, 4_000, 8_000, 16_000])
    .describe('pauses between the attempts of a failing handler'),
  // Erasure sweeps for the last time after five minutes; what began before it must be over by then.
  HANDLER_TIMEOUT: duration()
    .refine(milliseconds => milliseconds >= 1 && milliseconds <= 120_000, 'must be from 1ms to 2m')
    .default(60_000)
    .describe('how long handling a message may take; longer is a failure'),
  SKIP_MIGRATIONS: flag().default(false).describe('start without migrating; `npm run setup` did it'),
  SHUTDOWN_TIMEOUT: duration().default(9_000).describe('how long a graceful stop may take'),
  SHUTDOWN_DELAY: duration().default(0).describe('the first part of it, in which requests are still taken'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  DEBUG: flag().default(false).describe('shorthand for LOG_LEVEL=debug'),
  LOG_FORMAT: z.enum(['json', 'pretty']).default('json').describe('`pretty` is for reading in a terminal'),
  CRASH_AT: z.string().optional().describe('for crash tests: where the process kills itself'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url('http', 'https')
    .optional()
    .describe('where traces go, e.g. http://127.0.0.1:4318; without it nothing is recorded'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .transform(Number)
    .pipe(z.number().min(0).max(1))
    .default(1)
    .describe('share of new traces that is recorded, 0 to 1'),
  OTEL_INSTRUMENTATION: z
    .enum(['seams', 'full', 'auto'])
    .default('seams')
    .describe(
      'seams: the spans of the chassis; full: those of the drivers, too; auto: of all that OpenTelemetry knows',
    ),
} as const satisfies ConfigShape

/** The environment of this process. No other file reads `process.env`. */
export function environment(): Environment {
  return process.env
}

/** Thrown by {@link readConfig}; its message names every bad variable at once and never contains a value. */
export class ConfigError extends Error {
  readonly variables: readonly string[]

  constructor(subject: string, problems: ReadonlyMap<string, string>) {
    const width = Math.max(...[...problems.keys()].map(name => name.length))
    const lines = [...problems].map(([name, problem]) => `  ${name.padEnd(width)}  ${problem}`)
    super(`${subject} cannot start: ${problems.size} of its settings missing or wrong.\n${lines.join('\n')}`)
    this.name = 'ConfigError'
    this.variables = [...problems.keys()]
  }
}

/**
 * Reads and checks variables of the environment; an empty variable counts as absent.
 * @throws ConfigError naming every variable that is missing or wrong.
 */
export function readConfig<Shape extends ConfigShape>(
  subject: string,
  shape: Shape,
  env: Environment,
): ConfigOf<Shape> {
  const values: Record<string, unknown> = {}
  const problems = new Map<string, string>()
  const production = env['NODE_ENV'] === 'production'
  for (const [name, schema] of Object.entries(shape)) {
    const text = env[name] === '' ? undefined : env[name]
    const result = schema.safeParse(text)
    if (!result.success) problems.set(name, explain(text, schema, result.error))
    else if (text === undefined && production && isForDevelopment(schema)) problems.set(name, notInProduction)
    else values[name] = result.data
  }
  if (problems.size > 0) throw new ConfigError(subject, problems)
  return values as ConfigOf<Shape>
}

const notInProduction = 'is missing; its default is for development and refused with NODE_ENV=production'

function isForDevelopment(schema: z.ZodType): boolean {
  return schema.meta()?.['developmentDefault'] === true
}

function explain(text: string | undefined, schema: z.ZodType, error: z.ZodError): string {
  const hint = schema.description ? ` (${schema.description})` : ''
  if (text === undefined) return `is missing${hint}`
  return `${error.issues.map(issue => issue.message).join(', ')}${hint}`
}
