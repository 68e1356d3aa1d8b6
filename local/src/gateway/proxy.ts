import { Agent, type ClientRequest, type IncomingMessage, request as connect } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Exchange, problemAnswer, problems, send } from './answer.ts'
import type { ServiceConfig } from './config.ts'
import { endToEndHeaders, forwardedHeaders } from './headers.ts'

export interface Target {
  readonly service: ServiceConfig
  /** Where the service really listens. */
  readonly address: { readonly host: string; readonly port: number }
  /** Path and query. */
  readonly path: string
  /** The value of `Host`. */
  readonly host: string
  /** What was stripped from the path. */
  readonly prefix?: string
}

interface Attempt {
  readonly exchange: Exchange
  readonly target: Target
  readonly agent: Agent
  readonly retriesLeft: number
  readonly onFailure: (error: Error) => void
}

/** Connections that are kept for the next request. */
export function createAgent(): Agent {
  return new Agent({ keepAlive: true, maxFreeSockets: 64 })
}

/**
 * Forwards a request and streams the answer back. Whichever side goes away, the other is closed too: a client never takes
 * half an answer for a whole one, and a service never works for a client that has left.
 */
export function forward(attempt: Attempt): void {
  const { exchange, target, agent } = attempt
  const { request, response } = exchange
  const outgoing = connect({
    agent,
    ...target.address,
    method: request.method,
    path: target.path,
    headers: forwardedHeaders(exchange, target),
  })
  const leave = () => {
    if (!response.writableFinished) outgoing.destroy()
  }
  response.once('close', leave)
  limitTimes(outgoing, target.service)
  outgoing.on('response', incoming => relay(incoming, exchange))
  outgoing.on('error', error => {
    response.off('close', leave)
    request.unpipe(outgoing)
    fail(attempt, outgoing, error)
  })
  if (hasBody(request)) sendBody(exchange, outgoing)
  else outgoing.end()
}

class UpstreamTimeout extends Error {}

function limitTimes(outgoing: ClientRequest, service: ServiceConfig): void {
  const expire = () => outgoing.destroy(new UpstreamTimeout('the upstream took too long'))
  outgoing.once('socket', socket => {
    if (!socket.connecting) return
    const timer = setTimeout(expire, service.connect_timeout)
    socket.once('connect', () => clearTimeout(timer)).once('close', () => clearTimeout(timer))
  })
  outgoing.setTimeout(service.write_timeout, expire)
  outgoing.once('finish', () => outgoing.setTimeout(service.read_timeout))
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function sendBody(exchange: Exchange, outgoing: ClientRequest): void {
  const { request, bodyLimit = Infinity } = exchange
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > bodyLimit && !outgoing.destroyed) refuseBody(exchange, outgoing, bodyLimit)
  })
  request.pipe(outgoing)
}

// Of a body without a length some has been sent by now; the service sees the request break off.
function refuseBody(exchange: Exchange, outgoing: ClientRequest, limit: number): void {
  exchange.request.unpipe(outgoing).resume()
  if (!exchange.response.headersSent) send(exchange, problemAnswer(problems.tooLarge(limit), exchange))
  outgoing.destroy()
}

function relay(incoming: IncomingMessage, { response, responseHeaders }: Exchange): void {
  if (response.headersSent) return void incoming.destroy()
  const headers = { ...endToEndHeaders(incoming), ...responseHeaders }
  const vary = [incoming.headers.vary, responseHeaders['vary']].filter(value => value !== undefined).join(', ')
  response.writeHead(incoming.statusCode ?? 502, vary === '' ? headers : { ...headers, vary })
  // An event stream may have nothing to say for a while after its headers. With a length the body follows at once, and
  // travels in the same packet.
  if (incoming.headers['content-length'] === undefined) response.flushHeaders()
  // Not stream.pipeline, which makes an AbortController for every answer: `forward` closes the other direction already.
  incoming.on('error', () => undefined).pipe(response)
  incoming.once('close', () => {
    if (!incoming.complete) response.destroy()
  })
}

const neverConnected = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT'])

function fail(attempt: Attempt, outgoing: ClientRequest, error: NodeJS.ErrnoException): void {
  const { exchange, target, onFailure, retriesLeft } = attempt
  const { response } = exchange
  // With an answer under way its own end decides; a service may close after it, without having read the whole request.
  if (response.headersSent || response.destroyed) return
  if (retriesLeft > 0 && mayRepeat(exchange.request, outgoing, error)) return void repeat(attempt)
  onFailure(error)
  const [status, reason] = explain(error)
  send(exchange, problemAnswer(problems.unavailable(status, target.service.name, reason), exchange))
}

function explain(error: NodeJS.ErrnoException): [502 | 503 | 504, string] {
  if (error instanceof UpstreamTimeout) return [504, 'took too long to answer']
  return neverConnected.has(error.code ?? '') ? [503, 'is not running'] : [502, 'broke off before it answered']
}

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

// A kept connection may have been closed by the service just as it was used again; the request was not seen then.
function mayRepeat(request: IncomingMessage, outgoing: ClientRequest, error: NodeJS.ErrnoException): boolean {
  if (!idempotent.has(request.method ?? '') || hasBody(request)) return false
  return neverConnected.has(error.code ?? '') || (outgoing.reusedSocket && error.code === 'ECONNRESET')
}

async function repeat(attempt: Attempt): Promise<void> {
  await sleep(50)
  if (!attempt.exchange.response.destroyed) forward({ ...attempt, retriesLeft: attempt.retriesLeft - 1 })
}
