import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Exchange } from './answer.ts'
import { escapePath } from './path.ts'

// Meant for one connection only (RFC 9110, 7.6.1). `expect` is answered by the gateway itself.
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
])

/** The headers of a message that travel on, repeated ones kept apart; without those that `Connection` names. */
export function endToEndHeaders(message: IncomingMessage): OutgoingHttpHeaders {
  const named = (message.headers.connection ?? '').split(',').map(name => name.trim().toLowerCase())
  const dropped = new Set([...hopByHop, ...named])
  return Object.fromEntries(Object.entries(message.headersDistinct).filter(([name]) => !dropped.has(name)))
}

/** What the service is sent: the client's headers, and where the request really came from. */
export function forwardedHeaders(exchange: Exchange, target: { host: string; prefix?: string }): OutgoingHttpHeaders {
  const { request, path, requestHeaders } = exchange
  const { 'x-forwarded-prefix': _, ...headers } = endToEndHeaders(request)
  const client = request.socket.remoteAddress ?? ''
  const earlier = request.headers['x-forwarded-for']
  return {
    ...headers,
    ...requestHeaders,
    host: target.host,
    'x-real-ip': client,
    'x-forwarded-for': earlier === undefined ? client : `${earlier.toString()}, ${client}`,
    'x-forwarded-proto': 'http',
    'x-forwarded-host': (request.headers.host ?? '').replace(/:\d+$/, ''),
    'x-forwarded-port': String(request.socket.localPort),
    // Decoded, a path may hold what no header can: a line break, a NUL.
    'x-forwarded-path': escapePath(path),
    ...(target.prefix === undefined ? {} : { 'x-forwarded-prefix': escapePath(target.prefix) }),
  }
}
