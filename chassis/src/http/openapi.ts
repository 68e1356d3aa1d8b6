import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import type { Access } from './access.ts'
import { describeAccess, refusals, securitySchemes } from './openapi-security.ts'
import { problem, problemMediaType } from './problem.ts'
import { describeDate } from './serializer.ts'

type Json = Record<string, unknown>
type Io = 'input' | 'output'

/** What the document says of one route; the zod schemas are those the route was registered with. */
export interface DocumentedRoute {
  readonly method: string
  readonly url: string
  readonly schema: RouteSchema
  readonly access: Access
}

export interface RouteSchema {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly deprecated?: boolean
  readonly body?: z.ZodType
  readonly params?: z.ZodType
  readonly querystring?: z.ZodType
  readonly headers?: z.ZodType
  readonly response?: Readonly<Record<string, z.ZodType | ByMediaType>>
}

/** An answer whose form the client chooses by `Accept`. */
interface ByMediaType {
  readonly description?: string
  readonly content: Readonly<Record<string, { readonly schema: z.ZodType }>>
}

export interface Api {
  readonly name: string
  readonly summary: string
  /** The roles of callers by API key. */
  readonly keyRoles: readonly string[]
  readonly routes: readonly DocumentedRoute[]
}

/** The OpenAPI 3.1 document of a service. Schemas with an id (`.meta({ id: 'Order' })`) become components. */
export function describeApi({ name, summary, keyRoles, routes }: Api): Json {
  const components = new Components()
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)(\([^)]*\))?/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, keyRoles, components) }
  }
  return {
    openapi: '3.1.0',
    info: { title: name, summary, version: '1' },
    paths,
    components: { schemas: components.schemas, securitySchemes: securitySchemes(keyRoles) },
  }
}

function operation(route: DocumentedRoute, keyRoles: readonly string[], components: Components): Json {
  const { method, schema, access } = route
  const { summary, tags, deprecated, body, params, querystring, headers, response } = schema
  const parameters = [
    ...parametersOf('path', params, components),
    ...parametersOf('query', querystring, components),
    ...parametersOf('header', headers, components),
    ...(creates(method, response) ? [idempotencyKey] : []),
  ]
  return {
    ...defined({ summary, tags, deprecated }),
    ...describeAccess(access, keyRoles, schema.description),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: requestBody(body, components) } : {}),
    responses: responses(response, access, components),
  }
}

// What a POST has created or taken on, a repetition must not do again (draft-ietf-httpapi-idempotency-key-header).
function creates(method: string, response: RouteSchema['response'] = {}): boolean {
  return method === 'POST' && ('201' in response || '202' in response)
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Your name for this request, so that sending it again has no second effect; kept 24 hours.',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
}

function parametersOf(where: string, schema: z.ZodType | undefined, components: Components): Json[] {
  if (!schema) return []
  const { properties = {}, required = [] } = components.inline(schema, 'input') as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...json }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...defined({ description }),
    schema: json,
  }))
}

function requestBody(body: z.ZodType, components: Components): Json {
  const required = !body.safeParse(undefined).success
  return { required, content: { 'application/json': { schema: components.refer(body, 'input') } } }
}

function responses(schemas: RouteSchema['response'] = {}, access: Access, components: Components): Json {
  const described = Object.entries(schemas).map(
    ([status, schema]) => [status.toUpperCase(), answer(status, schema, components)] as const,
  )
  const content = { [problemMediaType]: { schema: components.refer(problem, 'output') } }
  const refused = Object.entries(access === 'public' ? {} : refusals)
  return {
    ...Object.fromEntries(refused.map(([status, description]) => [status, { description, content }])),
    ...Object.fromEntries(described),
    default: { description: 'A problem, by RFC 9457', content },
  }
}

function answer(status: string, schema: z.ZodType | ByMediaType, components: Components): Json {
  const description = schema.description ?? STATUS_CODES[status] ?? 'The answer'
  if ('content' in schema) {
    const forms = Object.entries(schema.content).map(
      ([mediaType, form]) => [mediaType, { schema: components.refer(form.schema, 'output') }] as const,
    )
    return { description, content: Object.fromEntries(forms) }
  }
  if (schema instanceof z.ZodNull || schema instanceof z.ZodUndefined || schema instanceof z.ZodVoid)
    return { description }
  const json = components.refer(schema, 'output')
  // An answer that is not JSON says so: `z.instanceof(Buffer).meta({ contentMediaType: 'application/pdf' })`.
  const { contentMediaType: mediaType = 'application/json' } = json as { contentMediaType?: string }
  return { description, content: { [mediaType]: { schema: json } } }
}

function defined(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Collects the named schemas of one document; what is read and what is written may differ and then gets a number. */
class Components {
  readonly schemas: Record<string, Json> = {}
  readonly #sources = new Map<string, string>()

  /** The JSON Schema of `schema`, or a reference to it. */
  refer(schema: z.ZodType, io: Io): Json {
    const {
      $schema: _,
      $defs = {},
      ...json
    } = z.toJSONSchema(schema, {
      target: 'draft-2020-12',
      io,
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => describeDate(zodSchema, jsonSchema),
    }) as Json & { $defs?: Record<string, Json> }
    const names = new Map(Object.entries($defs).map(([name, source]) => [name, this.#nameFor(name, source)]))
    for (const [name, source] of Object.entries($defs)) this.schemas[names.get(name) ?? name] = redirect(source, names)
    return redirect(json, names)
  }

  /** The JSON Schema of `schema` itself, also when it has a name. */
  inline(schema: z.ZodType, io: Io): Json {
    const json = this.refer(schema, io)
    const name = typeof json['$ref'] === 'string' ? json['$ref'].replace('#/components/schemas/', '') : undefined
    return (name === undefined ? undefined : this.schemas[name]) ?? json
  }

  #nameFor(name: string, source: Json): string {
    const text = JSON.stringify(source)
    for (let number = 1; ; number++) {
      const candidate = number === 1 ? name : `${name}${number}`
      const taken = this.#sources.get(candidate)
      if (taken !== undefined && taken !== text) continue
      this.#sources.set(candidate, text)
      return candidate
    }
  }
}

function redirect(json: Json, names: ReadonlyMap<string, string>): Json {
  return JSON.parse(JSON.stringify(json), (key, value: unknown) => {
    if (key !== '$ref' || typeof value !== 'string') return value
    const name = value.replace('#/$defs/', '')
    return `#/components/schemas/${names.get(name) ?? name}`
  }) as Json
}
