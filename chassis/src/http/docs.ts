import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../service.ts'
import type { AnswerError } from './errors.ts'
import type { DocumentedRoute, RouteSchema } from './openapi.ts'

export interface DocsOptions {
  readonly name: string
  readonly summary: string
  readonly paths: readonly string[]
  /** The roles of callers by API key. */
  readonly keyRoles: readonly string[]
  readonly answer: AnswerError
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For the documentation: answers with an ETag and honours If-None-Match, or If-Match if it changes something. */
    readonly conditional?: boolean
    /** For the documentation: honours an Idempotency-Key; unless it says otherwise, every POST that answers with 201 or 202. */
    readonly idempotent?: boolean
  }
}

type Handle = (request: FastifyRequest, reply: FastifyReply) => void

const hidden = { schema: { hide: true }, config: { access: 'public', quiet: true } } as const

/**
 * `/docs`, an interactive page, and `/docs/json`, the OpenAPI document, at the root and below each public path. Must be
 * called before the routes that it documents are registered. Both are made when first asked for: the page alone would add
 * 60 ms and 5 MB to the start of a service.
 * @returns to be told the name of the use case whose routes come next.
 */
export function addDocs(
  app: App,
  { name, summary, paths, keyRoles, answer }: DocsOptions,
): (useCase: string | undefined) => void {
  const routes: DocumentedRoute[] = []
  let useCase: string | undefined
  app.addHook('onRoute', ({ method, url, schema, config }) => {
    if (schema?.hide) return
    const { access = [], conditional, idempotent } = config ?? {}
    for (const each of [method].flat()) {
      if (each === 'HEAD') continue
      const documented = (schema ?? {}) as RouteSchema
      routes.push({ method: each, url, schema: documented, access, useCase, conditional, idempotent })
    }
  })
  const document = once(async () => (await import('./openapi.ts')).describeApi({ name, summary, keyRoles, routes }))
  const page = once(async () => (await import('./docs-page.ts')).createDocsPage(await document(), answer))

  const showPage = (base: string) => async (request: FastifyRequest, reply: FastifyReply) => {
    const show: Handle = await page()
    request.raw.url = request.url.slice(base.length)
    show(request, reply)
    return reply
  }
  for (const base of ['', ...paths]) {
    app.get(`${base}/docs`, hidden, showPage(base))
    app.get(`${base}/docs/*`, hidden, showPage(base))
    app.get(`${base}/docs/json`, hidden, () => document())
  }
  // Where the documentation was before.
  app.get('/api', hidden, (_request, reply) => reply.redirect('/docs', 308))
  return next => void (useCase = next)
}

function once<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let made: Promise<Result> | undefined
  return () => (made ??= make())
}
