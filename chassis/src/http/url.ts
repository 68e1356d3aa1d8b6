import type { FastifyRequest } from 'fastify'
import { rejections, type RejectedField } from '../rejection.ts'
import { clip, textComplaint } from './hostile-text.ts'
import { refusals } from './problem.ts'

const maxLength = 4_096

/**
 * Refuses URLs that are too long, not percent-encoded UTF-8, or hold U+0000; the router itself looks at the path alone and
 * takes a malformed query as it is.
 */
export function refuseBadUrl(request: FastifyRequest): void {
  const { url } = request
  if (url.length > maxLength) throw refusals.urlTooLong()
  if (!url.includes('%')) return
  const decoded = decode(url)
  if (decoded === undefined) throw refusals.malformedUrl()
  if (textComplaint(decoded))
    throw rejections.invalid([...complaints('path', request.params), ...complaints('query', request.query)])
}

function decode(url: string): string | undefined {
  try {
    return decodeURIComponent(url)
  } catch {
    return undefined
  }
}

function complaints(part: 'path' | 'query', values: unknown): RejectedField[] {
  return Object.entries(values ?? {}).flatMap(([name, value]) => {
    const message = textComplaint(`${name}${String(value)}`)
    return message ? [{ in: part, field: clip(name), message }] : []
  })
}
