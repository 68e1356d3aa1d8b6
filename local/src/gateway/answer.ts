import { STATUS_CODES, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'

/** An answer that the gateway gives itself. */
export interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string
}

/** One request on its way through the gateway. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Normalised. */
  readonly path: string
  /** From the question mark on, or empty. */
  readonly query: string
  /** Sent to the service in addition to, or instead of, the client's. */
  readonly requestHeaders: Record<string, string>
  /** Added to whatever answers. */
  readonly responseHeaders: Record<string, string>
  correlationId?: string
  /** The largest body allowed, in bytes. */
  bodyLimit?: number
}

export interface Problem {
  readonly status: number
  /** Stable and kebab-case: clients branch on it. */
  readonly code: string
  readonly detail: string
  readonly headers?: OutgoingHttpHeaders
}

/** Sends an answer of the gateway's own. */
export function send({ response, responseHeaders }: Exchange, { status, headers, body }: Answer): void {
  const length = { 'content-length': Buffer.byteLength(body) }
  response.writeHead(status, { ...headers, ...length, ...responseHeaders }).end(body)
}

/** An error by RFC 9457, in the shape that the services use. */
export function problemAnswer({ status, code, detail, headers = {} }: Problem, exchange?: Exchange): Answer {
  const traceId = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(String(exchange?.request.headers['traceparent']))?.[1]
  const body = {
    type: `urn:problem-type:gateway:${code}`,
    title: STATUS_CODES[status],
    status,
    detail,
    code,
    instance: exchange?.path,
    traceId,
    correlationId: exchange?.correlationId,
  }
  return { status, headers: { ...headers, 'content-type': 'application/problem+json' }, body: JSON.stringify(body) }
}

export const problems = {
  notFound: (): Problem => ({ status: 404, code: 'route-not-found', detail: 'No service answers this path.' }),
  badRequest: (): Problem => ({ status: 400, code: 'bad-request', detail: 'This is not a valid HTTP request.' }),
  tooLarge: (limit: number): Problem => ({
    status: 413,
    code: 'payload-too-large',
    detail: `The body may have at most ${limit} bytes.`,
  }),
  tooManyRequests: (limit: number, seconds: number | undefined): Problem => ({
    status: 429,
    code: 'rate-limited',
    detail: `At most ${limit} requests a minute from one address.`,
    headers: seconds === undefined ? {} : { 'retry-after': String(seconds) },
  }),
  unavailable: (status: 502 | 503 | 504, service: string, reason: string): Problem => ({
    status,
    code: 'upstream-unavailable',
    detail: `The service ${service} ${reason}. Try again in a moment.`,
    headers: { 'retry-after': '1' },
  }),
}
