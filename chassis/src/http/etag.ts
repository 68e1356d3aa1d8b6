import type { IncomingHttpHeaders } from 'node:http'
import { rejections } from '../rejection.ts'

interface WithHeaders {
  readonly headers: IncomingHttpHeaders
}
interface Versionable {
  header(name: 'etag', value: string): unknown
  code(status: number): unknown
  // `never`, so that the reply of a route with any answer fits.
  send(payload: never): unknown
}

/** The strong entity tag of a version: `"3"`. */
export function etagOf(version: number | string): string {
  return `"${version}"`
}

/**
 * Tags the answer to a GET with the version of what it shows; return the result from the handler. When the client already
 * holds that version (`If-None-Match`, RFC 9110 §13.1.2) the answer becomes 304 without a body.
 */
export function versioned<Body>(request: WithHeaders, reply: Versionable, version: number | string, body: Body): Body {
  if (!isUnchanged(request, reply, version)) return body
  // Fastify takes a returned reply to mean "already answered"; no schema has a word for that.
  return reply.send(undefined as never) as Body
}

/**
 * Like {@link versioned} for a body that is costly to make: tags the answer, and says whether the client already holds
 * that version. The answer is then 304, to be sent without a body.
 */
export function isUnchanged(request: WithHeaders, reply: Omit<Versionable, 'send'>, version: number | string): boolean {
  const etag = etagOf(version)
  reply.header('etag', etag)
  if (!matches(request.headers['if-none-match'], etag, 'weak')) return false
  reply.code(304)
  return true
}

/**
 * Refuses a change to something that is no longer at the version the client saw (`If-Match`, RFC 9110 §13.1.1). Without
 * that header everything passes.
 * @throws Rejection `precondition-failed`
 */
export function requireMatch(request: WithHeaders, version: number): void {
  const header = request.headers['if-match']
  const etag = etagOf(version)
  if (header !== undefined && !matches(header, etag, 'strong')) throw rejections.preconditionFailed(etag)
}

// RFC 9110 §8.8.3.2: the weak comparison ignores W/, the strong one never matches a weak tag.
function matches(header: string | undefined, etag: string, comparison: 'weak' | 'strong'): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  const tags = header.match(/(?:W\/)?"[^"]*"/g) ?? []
  return tags.some(tag => (comparison === 'weak' ? tag.replace(/^W\//, '') : tag) === etag)
}
