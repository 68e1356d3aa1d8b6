import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Rejection } from '../rejection.ts'
import type { App } from '../service.ts'
import { pathOf, type Observer } from './observe.ts'
import { problemMediaType, problemOf, refusalOf, refusals } from './problem.ts'

/** Answers `error` as `application/problem+json`; what is the service's fault is told to the log alone. */
export type AnswerError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void

/** The one place where errors become answers; `service` names it in the problem's type. */
export function answerErrors(service: string, observer: Pick<Observer, 'failed'>): AnswerError {
  return (error, request, reply) => {
    const refusal = refusalOf(error)
    if (refusal.status >= 500) observer.failed(request, error)
    reply
      .code(refusal.status)
      .headers(refusal.headers)
      .header('cache-control', 'no-store')
      .type(problemMediaType)
      .serializer(JSON.stringify)
      .send(problemOf(refusal, service, pathOf(request)))
  }
}

type Routed = Pick<App, 'setNotFoundHandler' | 'findRoute' | 'supportedMethods'>

/** Answers 404 where there is nothing, 405 with `Allow` where there is something under another method. */
export function refuseUnrouted(app: Routed, answer: AnswerError): void {
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request)
    const allowed = app.supportedMethods.filter(method => app.findRoute({ method, url: path }) !== null)
    answer(
      // A route that looks for something itself, such as a file, also ends here.
      allowed.length > 0 && !allowed.includes(request.method)
        ? refusals.methodNotAllowed(request.method, path, allowed)
        : refusals.routeNotFound(request.method, path),
      request,
      reply,
    )
  })
}

/** Answers what never became a request: a malformed request line, headers too large or too slow. */
export function answerMalformedRequest(service: string): (error: Error & { code?: string }, socket: Socket) => void {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return
    if (socket.writable) socket.write(rawAnswer(refusalOfParser(error.code), service))
    socket.destroy(error)
  }
}

function refusalOfParser(code: string | undefined): Rejection {
  if (code === 'HPE_HEADER_OVERFLOW') return new Rejection('headers-too-large', 431, 'The headers are too large.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Rejection('request-timeout', 408, 'The request came too slowly.')
  return new Rejection('malformed-request', 400, 'This is not a well-formed HTTP/1.1 request.')
}

function rawAnswer(refusal: Rejection, service: string): string {
  const body = JSON.stringify(problemOf(refusal, service))
  return [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    `content-type: ${problemMediaType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}
