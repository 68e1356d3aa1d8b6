import { isDeepStrictEqual } from 'node:util'
import { describeService, type Service } from '@feira/chassis'
import { services } from '../services.ts'

export type Json = Record<string, unknown>

/** One operation of an OpenAPI document, as far as it is read here. */
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly security: readonly Json[]
  readonly 'x-service'?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Json } } }
  readonly responses: Readonly<Record<string, Json>>
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description?: string
}

export interface OpenApi {
  readonly openapi: string
  readonly info: {
    readonly title: string
    readonly summary: string
    readonly version: string
    readonly description?: string
  }
  readonly servers: readonly Json[]
  readonly tags?: readonly Json[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Json>>
    readonly responses: Readonly<Record<string, Json>>
    readonly securitySchemes: Readonly<Record<string, Json>>
  }
}

export interface Described {
  readonly service: Service
  readonly document: OpenApi
}

/** The document of every service, as it serves it at `/docs/json`. */
export async function describeServices(): Promise<Described[]> {
  const described: Described[] = []
  for (const service of services)
    described.push({ service, document: (await describeService(service)) as unknown as OpenApi })
  return described
}

const description = `Every public path of every service, as a client sees it at the gateway. Each path is also answered below \`/api/v1\`, and a trailing slash is ignored.

Errors are \`application/problem+json\` with a stable \`code\`. Lists come in pages: \`limit\` and \`cursor\`. A POST that creates something takes an \`Idempotency-Key\`, so that it may be sent again.

Whoever sends more than 1000 requests in a minute may be answered with 429. Answers carry \`X-Correlation-Id\`; a request may bring its own.`

const servers = [
  { url: 'http://localhost:8000', description: 'the gateway of `npm start` and of compose' },
  { url: 'http://localhost:8000/api/v1', description: 'the same under another prefix' },
]

/**
 * One document of what the gateway offers. Where two services mean different things by one name, the first keeps it: the
 * owner comes before the read model.
 */
export function describeGateway(described: readonly Described[]): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {}
  const schemas: Record<string, Json> = {}
  const responses: Record<string, Json> = {}
  const securitySchemes: Record<string, Json> = {}
  const ids = new Set<string>()
  for (const { service, document } of described) {
    const own = publicPart(service, document)
    const { paths: renamed, components } = renameTaken(own, service.name, { schemas, ids })
    for (const [path, operations] of Object.entries(renamed)) {
      for (const [method, operation] of Object.entries(operations)) {
        ids.add(operation.operationId)
        paths[path] = { ...paths[path], [method]: { ...operation, 'x-service': service.name } }
      }
    }
    Object.assign(schemas, components.schemas)
    Object.assign(responses, components.responses)
    Object.assign(securitySchemes, components.securitySchemes)
  }
  const summary = 'An event-driven commerce backend: users, products, orders, invoices, notifications, partners.'
  return {
    openapi: '3.1.0',
    info: { title: 'Feira', summary, version: '1', description },
    servers,
    tags: tagsOf(described, paths),
    paths,
    components: { schemas, responses, securitySchemes },
  }
}

/** Without `/ops`, to which no route of the gateway leads, and without what only that refers to. */
function publicPart({ paths: published }: Service, document: OpenApi): OpenApi {
  const isPublic = (path: string) => published.some(prefix => path === prefix || path.startsWith(`${prefix}/`))
  const paths = Object.fromEntries(Object.entries(document.paths).filter(([path]) => isPublic(path)))
  const { schemas, responses, securitySchemes } = document.components
  const used = new Set<string>()
  const follow = (value: unknown): void => {
    for (const [, kind = '', name = ''] of JSON.stringify(value).matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)) {
      if (used.has(`${kind}/${name}`)) continue
      used.add(`${kind}/${name}`)
      follow(kind === 'schemas' ? schemas[name] : responses[name])
    }
  }
  follow(paths)
  const onlyUsed = (kind: string, all: Readonly<Record<string, Json>>) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => used.has(`${kind}/${name}`)))
  return {
    ...document,
    paths,
    components: {
      schemas: onlyUsed('schemas', schemas),
      responses: onlyUsed('responses', responses),
      securitySchemes,
    },
  }
}

interface Taken {
  readonly schemas: Readonly<Record<string, Json>>
  readonly ids: ReadonlySet<string>
}

/** Gives schemas and operations other names that stand for something else already: `QueriesOrder`, `getOrderOfQueries`. */
function renameTaken(document: OpenApi, service: string, { schemas, ids }: Taken): OpenApi {
  const prefix = capitalised(service)
  const own = document.components.schemas
  const clashing = new Set(
    Object.keys(own).filter(name => schemas[name] !== undefined && !isDeepStrictEqual(schemas[name], own[name])),
  )
  // What refers to something renamed is something else as well.
  for (let before = -1; before !== clashing.size;) {
    before = clashing.size
    for (const [name, schema] of Object.entries(own)) {
      if (schemas[name] !== undefined && refersTo(schema, clashing)) clashing.add(name)
    }
  }
  return JSON.parse(JSON.stringify(document), (key, value: unknown) => {
    if (key === '$ref' && typeof value === 'string') return renamedReference(value, clashing, prefix)
    if (key === 'operationId' && ids.has(value as string)) return `${String(value)}Of${prefix}`
    if (key !== 'schemas') return value
    return Object.fromEntries(
      Object.entries(value as Json).map(([name, schema]) => [clashing.has(name) ? prefix + name : name, schema]),
    )
  }) as OpenApi
}

const schemaReference = '#/components/schemas/'

function renamedReference(reference: string, clashing: ReadonlySet<string>, prefix: string): string {
  const name = reference.replace(schemaReference, '')
  return clashing.has(name) ? schemaReference + prefix + name : reference
}

function refersTo(schema: Json, names: ReadonlySet<string>): boolean {
  const text = JSON.stringify(schema)
  return [...names].some(name => text.includes(`"${schemaReference}${name}"`))
}

/** `stock-update` → `StockUpdate`. */
export function capitalised(word: string): string {
  return word.replaceAll(/(?:^|[.-])(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** Of tags that are not named after a service. */
const topics: Readonly<Record<string, string>> = {
  auth: 'Signing in and out, and the keys by which others verify tokens.',
  stock: 'How many pieces there are, and the ledger that says why.',
  operations: 'For whoever runs the service: what it knows of others, and how to make that anew.',
  stats: 'Figures of the shop.',
  timeline: 'What happened to orders, event by event, page by page or live.',
  events: "Partners' sales, returns and stock updates, and what became of each.",
}

function tagsOf(described: readonly Described[], paths: OpenApi['paths']) {
  const names = new Set(
    Object.values(paths).flatMap(operations => Object.values(operations).flatMap(({ tags = [] }) => tags)),
  )
  const summaries = new Map(described.map(({ service }) => [service.name, service.summary]))
  return [...names].map(name => {
    const text = summaries.get(name) ?? topics[name]
    if (text === undefined) throw new Error(`local/src/docs/openapi.ts lacks a description of the tag ${name}`)
    return { name, description: text }
  })
}
