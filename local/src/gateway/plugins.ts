import { randomUUID } from 'node:crypto'
import { type Answer, type Exchange, problemAnswer, problems } from './answer.ts'
import type { ConfigOf, PluginConfig } from './config.ts'

/** What a plugin does with a request before it is forwarded; with an answer it is not forwarded at all. */
export type Step = (exchange: Exchange) => Answer | undefined

export interface PluginOptions {
  readonly rateLimit: boolean
}

// In the order in which Kong runs them, by the PRIORITY of each.
const order = ['correlation-id', 'cors', 'request-size-limiting', 'rate-limiting', 'request-termination'] as const

/** Prepares the plugins of one route after the other: one that several routes have in common counts for all of them. */
export function preparePlugins(options: PluginOptions): (plugins: readonly PluginConfig[]) => Step[] {
  const rank = (plugin: PluginConfig) => order.findIndex(name => name === plugin.name)
  const prepared = new Map<PluginConfig, Step[]>()
  const stepsOf = (plugin: PluginConfig) => {
    const steps = prepared.get(plugin) ?? stepOf(plugin, options)
    prepared.set(plugin, steps)
    return steps
  }
  return plugins => plugins.toSorted((one, other) => rank(one) - rank(other)).flatMap(stepsOf)
}

function stepOf(plugin: PluginConfig, { rateLimit }: PluginOptions): Step[] {
  switch (plugin.name) {
    case 'correlation-id':
      return [correlate(plugin.config)]
    case 'cors':
      return [allowOrigins(plugin.config)]
    case 'request-size-limiting':
      return [limitSize(plugin.config)]
    case 'rate-limiting':
      return rateLimit ? [limitRate(plugin.config)] : []
    case 'request-termination':
      return [terminate(plugin.config)]
    case 'prometheus':
    case 'opentelemetry':
      return []
  }
}

function correlate({ header_name, echo_downstream }: ConfigOf<'correlation-id'>): Step {
  return exchange => {
    const given = exchange.request.headers[header_name]?.toString()
    const id = given || randomUUID()
    exchange.correlationId = id
    exchange.requestHeaders[header_name] = id
    if (echo_downstream) exchange.responseHeaders[header_name] = id
    return undefined
  }
}

function allowOrigins(config: ConfigOf<'cors'>): Step {
  return ({ request, responseHeaders }) => {
    const { origin, 'access-control-request-method': asked } = request.headers
    if (origin === undefined) return undefined
    Object.assign(responseHeaders, originHeaders(config.origins, origin))
    if (request.method === 'OPTIONS' && asked)
      return preflight(config, request.headers['access-control-request-headers'])
    if (config.exposed_headers) responseHeaders['access-control-expose-headers'] = config.exposed_headers.join(',')
    return undefined
  }
}

function originHeaders(allowed: readonly string[], origin: string): Record<string, string> {
  if (allowed.includes('*')) return { 'access-control-allow-origin': '*' }
  return allowed.includes(origin) ? { 'access-control-allow-origin': origin, vary: 'Origin' } : { vary: 'Origin' }
}

function preflight({ methods, headers, max_age }: ConfigOf<'cors'>, askedHeaders: string | undefined): Answer {
  const allowedHeaders = headers?.join(',') ?? askedHeaders
  return {
    status: 200,
    headers: {
      'access-control-allow-methods': methods.join(','),
      ...(allowedHeaders ? { 'access-control-allow-headers': allowedHeaders } : {}),
      ...(max_age === undefined ? {} : { 'access-control-max-age': String(max_age) }),
    },
    body: '',
  }
}

const bytes = { megabytes: 2 ** 20, kilobytes: 2 ** 10, bytes: 1 }

function limitSize({ allowed_payload_size, size_unit }: ConfigOf<'request-size-limiting'>): Step {
  const limit = allowed_payload_size * bytes[size_unit]
  return exchange => {
    // A body of unknown length is counted while it passes.
    exchange.bodyLimit = limit
    const tooLarge = Number(exchange.request.headers['content-length'] ?? 0) > limit
    return tooLarge ? problemAnswer(problems.tooLarge(limit), exchange) : undefined
  }
}

function limitRate({ minute, hide_client_headers: hidden }: ConfigOf<'rate-limiting'>): Step {
  let window = 0
  const used = new Map<string, number>()
  return exchange => {
    const now = Date.now()
    if (Math.floor(now / 60_000) !== window) used.clear()
    window = Math.floor(now / 60_000)
    const client = exchange.request.socket.remoteAddress ?? ''
    const count = (used.get(client) ?? 0) + 1
    used.set(client, count)
    const reset = 60 - (Math.floor(now / 1_000) % 60)
    if (!hidden) Object.assign(exchange.responseHeaders, rateHeaders(minute, Math.max(0, minute - count), reset))
    // Kong hides `Retry-After` with the others.
    return count > minute
      ? problemAnswer(problems.tooManyRequests(minute, hidden ? undefined : reset), exchange)
      : undefined
  }
}

function rateHeaders(limit: number, remaining: number, reset: number): Record<string, string> {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(reset),
    'x-ratelimit-limit-minute': String(limit),
    'x-ratelimit-remaining-minute': String(remaining),
  }
}

function terminate({ status_code, message, content_type, body }: ConfigOf<'request-termination'>): Step {
  const answer: Answer = {
    status: status_code,
    headers: { 'content-type': content_type ?? 'application/json; charset=utf-8' },
    body: body ?? JSON.stringify({ message }),
  }
  return () => answer
}
