import * as pulumi from '@pulumi/pulumi'
import { z } from 'zod'
import type { App } from './apps.ts'
import { connectionLimit } from './database.ts'

/** The memory (MiB) that Fargate gives to each number of CPU units: smallest, largest. 1,024 units are one processor. */
const fargateMemory: Readonly<Record<number, readonly [number, number]>> = {
  256: [512, 2_048],
  512: [1_024, 4_096],
  1024: [2_048, 8_192],
  2048: [4_096, 16_384],
  4096: [8_192, 30_720],
  8192: [16_384, 61_440],
  16384: [32_768, 122_880],
}

const count = (min: number, max: number) => z.number().int().min(min).max(max)

const taskFields = {
  cpu: z.number().refine(cpu => cpu in fargateMemory, `must be one of ${Object.keys(fargateMemory).join(', ')}`),
  memory: count(512, 122_880),
  min: count(1, 1_000),
  max: count(1, 1_000),
}
const tasks = z
  .strictObject(taskFields)
  .refine(({ min, max }) => min <= max, 'min must not be above max')
  .refine(({ cpu, memory }) => {
    const [least, most] = fargateMemory[cpu] ?? [0, Infinity]
    return memory >= least && memory <= most
  }, 'Fargate does not offer that much or that little memory with that cpu')

/** How many tasks there are, and how large each is. */
export type Tasks = z.output<typeof tasks>

/** Every option of a stack, as `feira:<name>` in its Pulumi.<stack>.yaml. Secrets: {@link secretOptions}. */
const options = {
  domain: z
    .string()
    .regex(/^([a-z\d]([a-z\d-]*[a-z\d])?\.)+[a-z]{2,}$/, 'must be a domain name in small letters')
    .describe('where the gateway answers: https://<domain>'),
  hostedZone: z
    .string()
    .optional()
    .describe('the Route 53 zone of the domain; its certificate and address are made there'),
  certificateArn: z
    .string()
    .regex(/^arn:aws[\w-]*:acm:/, 'must be the ARN of a certificate in ACM')
    .optional()
    .describe('a certificate that exists, instead of hostedZone'),
  alarmEmail: z.email().optional().describe('who is told of alarms'),
  adminEmail: z.email().optional().describe('the first admin; the password is in the secret of app-users'),
  mailFrom: z.string().optional().describe('who e-mails are from; default Feira <no-reply@domain>'),
  grafanaEndpoint: z
    .url({ protocol: /^https$/ })
    .optional()
    .describe('the OTLP endpoint of Grafana Cloud, e.g. https://otlp-gateway-prod-eu-west-2.grafana.net/otlp'),
  grafanaInstance: z.string().regex(/^\d+$/, 'must be a number').optional().describe('its instance id'),
  environment: z
    .record(z.string(), z.record(z.string(), z.string()))
    .default({})
    .describe('more variables of a service: {invoices: {INVOICE_SELLER_NAME: …}}'),
  vpcCidr: z
    .string()
    .regex(/^10\.\d{1,3}\.0\.0\/16$/, 'must be 10.<n>.0.0/16')
    .default('10.20.0.0/16')
    .describe('addresses of the VPC'),
  architecture: z.enum(['x86_64', 'arm64']).default('x86_64').describe('of the processors, and so of the images'),
  tracesShare: z.number().min(0).max(1).default(0.1).describe('share of requests that is traced'),
  protect: z.boolean().default(true).describe('false: databases and the load balancer may be deleted'),
  version: z
    .string()
    .regex(/^[\w][\w.-]{0,127}$/, 'must be a tag of an image')
    .default('latest')
    .describe('tag of the images'),
  revision: z.string().default('unknown').describe('revision of the source, shown as output'),

  zones: count(2, 3).describe('availability zones'),
  natGateways: count(1, 3).describe('ways out of the private subnets: one for all, or one for each zone'),
  tasks: tasks.describe('of each service that is not named in `services`'),
  services: z.record(z.string(), tasks).default({}).describe('of one service: {app-orders: {cpu, memory, min, max}}'),
  gateway: tasks.describe('Kong'),
  collector: z.strictObject({ cpu: taskFields.cpu, memory: taskFields.memory }).describe('the OpenTelemetry collector'),
  database: z
    .strictObject({
      class: z.string().regex(/^db\.\w+\.\w+$/, 'must be a class of RDS such as db.t4g.micro'),
      storage: count(20, 65_536),
      maxStorage: count(20, 65_536),
      multiAz: z.boolean(),
      backupDays: count(1, 35),
      pool: count(4, 1_000),
    })
    .describe('PostgreSQL of each service: storage in GiB, pool is the connections of one task'),
  broker: z
    .strictObject({
      instance: z.string().regex(/^mq\.\w+\.\w+$/, 'must be a type of Amazon MQ such as mq.m7g.medium'),
      cluster: z.boolean(),
    })
    .describe('RabbitMQ: one node, or a cluster of three'),
  cache: z
    .strictObject({
      node: z.string().regex(/^cache\.\w+\.\w+$/, 'must be a type of ElastiCache such as cache.t4g.micro'),
      replicas: count(0, 5),
    })
    .describe('Valkey'),
  logDays: z
    .number()
    .refine(days => retentions.includes(days), 'must be 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365')
    .describe('how long logs are kept'),
}

/** The periods that CloudWatch Logs offers, in days, up to a year. */
const retentions = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365]

type Options = { readonly [Name in keyof typeof options]: z.output<(typeof options)[Name]> }

export interface StackConfig extends Options {
  /** The mail server, e.g. `smtps://user:password@mail.example.com`. */
  readonly smtpUrl: pulumi.Output<string>
  readonly grafanaToken: pulumi.Output<string> | undefined
  /** Databases that exist, e.g. Neon's, by the name of the service. */
  readonly databaseUrls: Readonly<Record<string, pulumi.Output<string>>>
}

/** The options of which `pulumi config set --secret` is to be used, and of every service `<name>DatabaseUrl`. */
export const secretOptions = {
  smtpUrl: 'secret: the mail server, e.g. smtps://user:password@mail.example.com',
  grafanaToken: 'secret: a token of Grafana Cloud that may write metrics and traces',
}

/** What an option is if it is not set; those that must be set are not here. */
export const optionDefaults: ReadonlyMap<string, unknown> = new Map(
  Object.entries(options).flatMap(([name, schema]) => {
    const result = (schema as z.ZodType).safeParse(undefined)
    return result.success ? [[name, result.data] as const] : []
  }),
)

/** What every option is for, by name. */
export const optionDescriptions: ReadonlyMap<string, string> = new Map([
  ...Object.entries(options).map(([name, schema]): [string, string] => [name, schema.description ?? '']),
  ...Object.entries(secretOptions),
  ['<service>DatabaseUrl', 'secret: a PostgreSQL that exists, instead of an instance of RDS: ordersDatabaseUrl'],
])

/** Thrown by {@link readStackConfig}; its message names every bad option at once. Without a stack trace in Pulumi's output. */
export class StackConfigError extends pulumi.RunError {}

/**
 * Reads the options of this stack.
 * @param apps what is deployed; a database of one of its services may be given as `<service>DatabaseUrl`
 * @throws StackConfigError naming every option that is missing, wrong or unknown.
 */
export function readStackConfig(apps: readonly App[]): StackConfig {
  const config = new pulumi.Config('feira')
  const databaseOptions = new Map(apps.map(({ service }) => [service.name, `${service.name}DatabaseUrl`]))
  const problems: string[] = []

  const values: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(options)) {
    const text = config.get(name)
    const result = readOption(schema, text)
    if (result.success) values[name] = result.data
    else problems.push(...result.error.issues.map(issue => explain([name, ...issue.path].join('.'), issue, text)))
  }

  const known = new Set([...Object.keys(options), ...Object.keys(secretOptions), ...databaseOptions.values()])
  for (const key of Object.keys(pulumi.runtime.allConfig())) {
    const name = /^feira:(.+)$/.exec(key)?.[1]
    if (name !== undefined && !known.has(name)) problems.push(`${name} is not an option`)
  }

  const smtpUrl = config.getSecret('smtpUrl')
  const grafanaToken = config.getSecret('grafanaToken')
  if (smtpUrl === undefined) problems.push(`smtpUrl is missing (${secretOptions.smtpUrl})`)
  if (problems.length === 0)
    problems.push(...contradictions(values as unknown as Options, grafanaToken !== undefined, apps))
  if (problems.length > 0 || smtpUrl === undefined) {
    const lines = problems.map(problem => `  feira:${problem}`)
    throw new StackConfigError(`The stack is not configured: ${problems.length} of its options missing or wrong.
${lines.join('\n')}
Set one with \`pulumi config set <option> <value>\`, a secret with --secret; infra/README.md tells of all.`)
  }

  const databaseUrls: Record<string, pulumi.Output<string>> = {}
  for (const [service, option] of databaseOptions) {
    const url = config.getSecret(option)
    if (url !== undefined) databaseUrls[service] = url
  }
  return { ...(values as unknown as Options), smtpUrl, grafanaToken, databaseUrls }
}

/** Options are kept as text; what is not text itself was written as JSON. */
function readOption(schema: z.ZodType, text: string | undefined) {
  const asText = schema.safeParse(text)
  if (asText.success || text === undefined) return asText
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'string' ? asText : schema.safeParse(value)
  } catch {
    return asText
  }
}

function explain(path: string, issue: z.core.$ZodIssue, text: string | undefined): string {
  const description = optionDescriptions.get(path.split('.')[0] ?? '')
  const problem = text === undefined ? 'is missing' : `is wrong: ${issue.message}`
  return `${path} ${problem}${description ? ` (${description})` : ''}`
}

function contradictions(config: Options, hasGrafanaToken: boolean, apps: readonly App[]): string[] {
  const problems: string[] = []
  if ((config.hostedZone === undefined) === (config.certificateArn === undefined)) {
    problems.push('hostedZone or certificateArn is needed, and not both')
  }
  const grafana = [config.grafanaEndpoint, config.grafanaInstance, hasGrafanaToken || undefined]
  if (new Set(grafana.map(part => part === undefined)).size > 1) {
    problems.push('grafanaEndpoint, grafanaInstance and grafanaToken belong together')
  }
  if (config.natGateways > config.zones) problems.push('natGateways must not be more than zones')
  if (config.database.maxStorage < config.database.storage) {
    problems.push('database.maxStorage is below database.storage')
  }
  for (const [option, names] of [
    ['services', apps.map(app => app.name)],
    ['environment', apps.map(app => app.service.name)],
  ] as const) {
    for (const name of Object.keys(config[option])) {
      if (!names.includes(name)) problems.push(`${option}.${name} is none of ${[...new Set(names)].join(', ')}`)
    }
  }
  return [...problems, ...tooManyConnections(config, apps)]
}

/** While tasks are replaced there are twice as many, and each may hold its whole pool and one connection that listens. */
function tooManyConnections(config: Options, apps: readonly App[]): string[] {
  const limit = connectionLimit(config.database.class)
  if (limit === undefined) return []
  const most = new Map<string, number>()
  for (const { name, service } of apps) {
    const { max } = config.services[name] ?? config.tasks
    most.set(service.name, (most.get(service.name) ?? 0) + 2 * max * (config.database.pool + 1))
  }
  return [...most]
    .filter(([, connections]) => connections > limit)
    .map(
      ([service, connections]) =>
        `database.pool is too large: up to ${connections} connections of ${service}, and ${config.database.class} takes about ${limit}`,
    )
}
