import { isUtf8 } from 'node:buffer'
import type { FastifyRequest } from 'fastify'
import { rejections } from '../rejection.ts'
import type { App } from '../service.ts'
import { findHostile, maxDepth } from './hostile-text.ts'
import { describeJsonFault } from './json-fault.ts'
import { refusals } from './problem.ts'

type Done = (error: Error | null, body?: unknown) => void

/**
 * Reads bodies of `application/json` and `application/*+json` (RFC 8259: UTF-8). Everything else is refused with 415,
 * malformed JSON with 400 that says where, hostile text with 400 that names the field. An empty body counts as none.
 */
export function acceptJson(app: App): void {
  app.removeAllContentTypeParsers()
  const parse = (request: FastifyRequest, body: Buffer, done: Done) => {
    try {
      // Where there is nothing, that is the answer, whatever the body holds.
      done(null, request.is404 ? undefined : readJson(request, body))
    } catch (error) {
      done(error as Error)
    }
  }
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parse)
  app.addContentTypeParser(/^application\/[\w.!#$&^-]+\+json(?:;|$)/, { parseAs: 'buffer' }, parse)
  app.addContentTypeParser('*', (request, _payload, done) => {
    done(request.is404 ? null : refusals.unsupportedMediaType(request.headers['content-type']))
  })
}

function readJson(request: FastifyRequest, body: Buffer): unknown {
  refuseEncoding(request)
  if (body.length === 0) return undefined
  if (!isUtf8(body)) throw refusals.malformedJson('it is not valid UTF-8')
  const text = body.toString('utf8')
  const value = parseJson(text)
  if (mayBeHostile(text, body)) refuseHostile(value)
  return value
}

function refuseEncoding({ headers }: FastifyRequest): void {
  const type = headers['content-type'] ?? ''
  const charset = /charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1]
  if (charset && !/^(utf-?8|us-ascii)$/i.test(charset)) throw refusals.unsupportedMediaType(type)
  const encoding = headers['content-encoding']
  if (encoding && encoding !== 'identity') throw refusals.unsupportedMediaType(`${type}, ${encoding}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw refusals.malformedJson(describeJsonFault(text))
  }
}

// JSON in UTF-8 can hold hostile text only as an escape, so nearly every body is spared the walk.
function mayBeHostile(text: string, body: Buffer): boolean {
  return text.includes('\\u') || text.includes('__proto__') || text.includes('constructor') || mayBeDeep(body)
}

function mayBeDeep(body: Buffer): boolean {
  if (body.length < 128) return false
  let opened = 0
  for (let index = 0; index < body.length; index++) {
    const byte = body[index]
    if (byte === 0x5b || byte === 0x7b) opened++
  }
  return opened > maxDepth
}

function refuseHostile(value: unknown): void {
  const fields = findHostile(value)
  if (fields.length > 0) throw rejections.invalid(fields)
}
