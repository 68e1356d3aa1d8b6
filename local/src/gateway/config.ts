import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'

// What the dev gateway implements of Kong's declarative format, by Kong's own names and defaults. Whatever is not here is
// refused at start: a field that is silently ignored would work in one gateway and not in the other.

const milliseconds = z.int().min(1).default(60_000)
const path = z.string().regex(/^(\/|~\/)/, 'must start with / or, for a regular expression, with ~/')

const correlationId = z.strictObject({
  name: z.literal('correlation-id'),
  config: z.strictObject({
    header_name: z.string().toLowerCase().default('kong-request-id'),
    generator: z.literal('uuid'),
    echo_downstream: z.boolean().default(false),
  }),
})

const cors = z.strictObject({
  name: z.literal('cors'),
  config: z.strictObject({
    origins: z.array(z.string().regex(/^(\*|[A-Za-z0-9.:/-]+)$/, 'must be * or an origin, not an expression')).min(1),
    methods: z.array(z.string()).min(1),
    headers: z.array(z.string()).min(1).optional(),
    exposed_headers: z.array(z.string()).min(1).optional(),
    max_age: z.number().optional(),
    credentials: z.literal(false).default(false),
  }),
})

const requestSizeLimiting = z.strictObject({
  name: z.literal('request-size-limiting'),
  config: z.strictObject({
    allowed_payload_size: z.int().positive(),
    size_unit: z.enum(['megabytes', 'kilobytes', 'bytes']).default('megabytes'),
  }),
})

const rateLimiting = z.strictObject({
  name: z.literal('rate-limiting'),
  config: z.strictObject({
    minute: z.int().positive(),
    policy: z.literal('local'),
    limit_by: z.literal('ip'),
    hide_client_headers: z.boolean().default(false),
  }),
})

const requestTermination = z.strictObject({
  name: z.literal('request-termination'),
  config: z
    .strictObject({
      status_code: z.int().min(100).max(599).default(503),
      message: z.string().optional(),
      content_type: z.string().optional(),
      body: z.string().optional(),
    })
    .refine(({ message, body }) => (message === undefined) !== (body === undefined), 'needs a message or a body'),
})

// They observe and change nothing that a client sees. The services of a local system trace and count for themselves.
const observability = z.strictObject({
  name: z.enum(['prometheus', 'opentelemetry']),
  config: z.record(z.string(), z.unknown()).optional(),
})

const plugin = z.discriminatedUnion('name', [
  correlationId,
  cors,
  requestSizeLimiting,
  rateLimiting,
  requestTermination,
  observability,
])

const route = z.strictObject({
  name: z.string(),
  paths: z.array(path).min(1),
  methods: z.array(z.string().regex(/^[A-Z]+$/)).optional(),
  strip_path: z.boolean().default(true),
  preserve_host: z.boolean().default(false),
  regex_priority: z.int().default(0),
  // This gateway never buffers: every byte goes on as it comes, in both directions.
  request_buffering: z.boolean().default(true),
  response_buffering: z.boolean().default(true),
  plugins: z.array(plugin).default([]),
})

const service = z.strictObject({
  name: z.string(),
  protocol: z.literal('http').default('http'),
  host: z.string(),
  port: z.int().min(1).max(65_535).default(80),
  path: z.string().startsWith('/').default('/'),
  retries: z.int().min(0).default(5),
  connect_timeout: milliseconds,
  write_timeout: milliseconds,
  read_timeout: milliseconds,
  routes: z.array(route).default([]),
  plugins: z.array(plugin).default([]),
})

const file = z.strictObject({
  _format_version: z.literal('3.0'),
  services: z.array(service).default([]),
  routes: z.array(route).default([]),
  plugins: z.array(plugin).default([]),
})

export type GatewayConfig = z.output<typeof file>
export type ServiceConfig = z.output<typeof service>
export type RouteConfig = z.output<typeof route>
export type PluginConfig = z.output<typeof plugin>

/** The configuration of one plugin, e.g. `ConfigOf<'cors'>`. */
export type ConfigOf<Name extends PluginConfig['name']> = Extract<PluginConfig, { name: Name }>['config']

/**
 * Reads Kong's declarative configuration.
 * @throws naming every place in the file that the dev gateway does not implement or that is wrong.
 */
export function readGatewayConfig(configFile: string): GatewayConfig {
  const result = file.safeParse(parse(readFileSync(configFile, 'utf8')))
  if (result.success) return result.data
  const problems = result.error.issues.map(issue => `  ${placeOf(issue)}: ${explain(issue)}`)
  throw new Error(`The dev gateway cannot use ${configFile}:\n${problems.join('\n')}`)
}

function placeOf(issue: z.core.$ZodIssue): string {
  const keys = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys.join(', ')] : issue.path
  return keys.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('')
}

function explain(issue: z.core.$ZodIssue): string {
  const unknown = issue.code === 'unrecognized_keys' || issue.code === 'invalid_union'
  return unknown ? 'the dev gateway does not implement this' : issue.message
}
