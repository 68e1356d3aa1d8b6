import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { refuseUnrouted, type AnswerError } from './errors.ts'

// Swagger UI styles its elements inline; scripts come from the page's own folder alone.
const contentSecurityPolicy = [
  "default-src 'none'",
  "base-uri 'none'",
  "connect-src 'self'",
  "font-src 'self' data:",
  "frame-ancestors 'none'",
  "img-src 'self' data:",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
].join('; ')

/**
 * Swagger UI on `document`, as a Fastify instance of its own because routes cannot be added to one that has started. It
 * never listens, so there is nothing to close.
 */
export async function createDocsPage(
  document: object,
  answer: AnswerError,
): Promise<(request: FastifyRequest, reply: FastifyReply) => void> {
  const page = Fastify()
  await page.register(swagger, { mode: 'static', specification: { document: document as never } })
  // './docs' keeps the page's links right whatever path a gateway serves it under.
  await page.register(swaggerUi, { routePrefix: '/docs', indexPrefix: '.', staticCSP: contentSecurityPolicy })
  page.setErrorHandler(answer)
  refuseUnrouted(page, answer)
  await page.ready()
  return (request: FastifyRequest, reply: FastifyReply) => {
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, value)
    }
    reply.hijack()
    page.routing(request.raw, reply.raw)
  }
}
