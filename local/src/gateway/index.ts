import { once } from 'node:events'
import type { Agent, IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Exchange, type Problem, problemAnswer, problems, send } from './answer.ts'
import { readGatewayConfig } from './config.ts'
import { escapePath, normalisePath, upstreamPath } from './path.ts'
import { preparePlugins, type Step } from './plugins.ts'
import { createAgent, forward, type Target } from './proxy.ts'
import { findRoute, type RouteMatch, type RoutePath, routePaths } from './routing.ts'

export interface GatewayOptions {
  /** Kong's declarative configuration. */
  readonly configFile: string
  /** 0 takes any free port. */
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Where the services named in the file really listen: `{ 'app-orders:3333': { host, port } }`. One that is absent is down. */
  readonly upstreams: Readonly<Record<string, { readonly host: string; readonly port: number }>>
  /** Whether the file's rate limits hold. Default false: a load test of one's own machine is no attack. */
  readonly rateLimit?: boolean
  readonly log?: GatewayLog
}

export interface GatewayLog {
  debug(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface Gateway {
  readonly port: number
  /** Takes no more requests, lets those under way finish for up to five seconds, and closes every connection. */
  close(): Promise<void>
}

type PreparedRoute = RoutePath & { readonly steps: readonly Step[] }

interface Context {
  readonly routes: readonly PreparedRoute[]
  readonly agent: Agent
  readonly options: GatewayOptions
}

/**
 * Starts the gateway of a local system: the routes and plugins of Kong's own configuration file, with Kong's semantics.
 * @throws when the file uses what this gateway does not implement, naming it; `EADDRINUSE` when the port is taken.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const agent = createAgent()
  const context = { routes: prepareRoutes(options), agent, options }
  const listener = (request: IncomingMessage, response: ServerResponse) => handle(request, response, context)
  const server = createServer(listener)
  // Without this listener Node asks for the body before anybody has looked at its size.
  server.on('checkContinue', listener)
  server.on('clientError', refuseMalformed)
  server.listen(options.port, options.host ?? '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => close(server, agent) }
}

function prepareRoutes({ configFile, rateLimit = false }: GatewayOptions): PreparedRoute[] {
  const routes = routePaths(readGatewayConfig(configFile))
  const stepsOf = preparePlugins({ rateLimit })
  return routes.map(route => ({ ...route, steps: stepsOf(route.plugins) }))
}

function handle(request: IncomingMessage, response: ServerResponse, context: Context): void {
  const exchange = openExchange(request, response)
  logAnswer(exchange, context.options.log)
  // `OPTIONS *` and the absolute form, which is for forward proxies.
  if (!request.url?.startsWith('/')) return send(exchange, problemAnswer(problems.badRequest(), exchange))
  const match = findRoute(context.routes, request.method ?? '', exchange.path)
  if (!match) return send(exchange, problemAnswer(problems.notFound(), exchange))
  for (const step of match.found.steps) {
    const answer = step(exchange)
    if (answer) return send(exchange, answer)
  }
  pass(exchange, match, context)
}

function openExchange(request: IncomingMessage, response: ServerResponse): Exchange {
  const [path = '/', ...query] = (request.url ?? '/').split('?')
  return {
    request,
    response,
    path: normalisePath(path),
    query: query.length > 0 ? `?${query.join('?')}` : '',
    requestHeaders: {},
    responseHeaders: {},
  }
}

function pass(exchange: Exchange, match: RouteMatch<PreparedRoute>, { agent, options }: Context): void {
  const { route, service } = match.found
  if (!service) return send(exchange, problemAnswer(problems.notFound(), exchange))
  const name = `${service.host}:${service.port}`
  const address = options.upstreams[name]
  const onFailure = (error: Error) =>
    options.log?.warn({ err: error, service: service.name }, 'the service does not answer')
  if (!address) {
    return send(exchange, problemAnswer(problems.unavailable(503, service.name, 'is not running'), exchange))
  }
  if (exchange.request.headers.expect) exchange.response.writeContinue()
  const target: Target = {
    service,
    address,
    path: escapePath(upstreamPath(service.path, exchange.path, match.prefix, route.strip_path)) + exchange.query,
    host: route.preserve_host ? (exchange.request.headers.host ?? name) : name,
    ...(route.strip_path ? { prefix: match.prefix } : {}),
  }
  forward({ exchange, target, agent, retriesLeft: service.retries, onFailure })
}

function logAnswer(exchange: Exchange, log: GatewayLog | undefined): void {
  if (!log) return
  const started = performance.now()
  exchange.response.once('close', () => {
    const { request, response, path, correlationId } = exchange
    const milliseconds = Math.round(performance.now() - started)
    log.debug({ method: request.method, path, status: response.statusCode, milliseconds, correlationId }, 'request')
  })
}

const malformed: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'headers-too-large', detail: 'The headers may have at most 16 KiB.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'request-timeout', detail: 'The request took too long to arrive.' },
}

function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const { status, headers, body } = problemAnswer(malformed[error.code ?? ''] ?? problems.badRequest())
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${headers['content-type']?.toString()}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

async function close(server: Server, agent: Agent): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  // A connection whose last answer was under way becomes idle only now, and its client would keep it open.
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  const impatience = setTimeout(() => server.closeAllConnections(), 5_000)
  await closed
  clearInterval(sweep)
  clearTimeout(impatience)
  agent.destroy()
}
