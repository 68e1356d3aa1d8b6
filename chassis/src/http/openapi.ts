import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import type { Access } from './access.ts'
import { Components, type Json } from './openapi-components.ts'
import { problemResponses, problemsOf } from './openapi-problems.ts'
import { describeAccess, securitySchemes } from './openapi-security.ts'
import { problem } from './problem.ts'

/** What the document says of one route; the zod schemas are those the route was registered with. */
export interface DocumentedRoute {
  readonly method: string
  readonly url: string
  readonly schema: RouteSchema
  readonly access: Access
  /** Of the use case that it was registered by: the operation's id. */
  readonly useCase?: string | undefined
  /** Answers with an ETag and honours If-None-Match, or If-Match if it changes something. */
  readonly conditional?: boolean | undefined
  /** Honours an Idempotency-Key. */
  readonly idempotent?: boolean | undefined
}

export interface RouteSchema {
  readonly operationId?: string
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
    const id = operationId(route, routes)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, { id, keyRoles, components }) }
  }
  const responses = problemResponses(components.refer(problem, 'output'), paths)
  return {
    openapi: '3.1.0',
    info: { title: name, summary, version: '1' },
    servers: [{ url: '/' }],
    paths,
    components: { schemas: components.schemas, responses, securitySchemes: securitySchemes(keyRoles) },
  }
}

// Names of functions in generated clients: one that a use case answers to by several methods ends in the method.
function operationId(
  { method, schema, useCase }: DocumentedRoute,
  all: readonly DocumentedRoute[],
): string | undefined {
  if (schema.operationId !== undefined || !useCase) return schema.operationId
  const alone = all.filter(other => other.useCase === useCase).length === 1
  return alone ? useCase : `${useCase}By${capitalised(method.toLowerCase())}`
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

interface Place {
  readonly id: string | undefined
  readonly keyRoles: readonly string[]
  readonly components: Components
}

function operation(route: DocumentedRoute, { id, keyRoles, components }: Place): Json {
  const { method, url, schema, access, conditional = false } = route
  const { summary, tags, deprecated, body, params, querystring, headers, response } = schema
  const takesKey = route.idempotent ?? creates(method, response)
  const takesMatch = conditional && method !== 'GET'
  const parameters = [
    ...parametersOf('path', params, components),
    ...parametersOf('query', querystring, components),
    ...parametersOf('header', headers, components),
    ...(takesKey ? [idempotencyKey] : []),
    ...(conditional ? [method === 'GET' ? ifNoneMatch : ifMatch] : []),
  ]
  const takesInput = body !== undefined || parameters.length > 0
  const name = capitalised(route.useCase || id || '')
  return {
    ...defined({ operationId: id, summary, tags, deprecated }),
    ...describeAccess(access, keyRoles, schema.description),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: requestBody(body, `${name}Body`, components) } : {}),
    responses: {
      ...problemsOf({ access, takesInput, namesOne: url.includes(':'), takesKey, takesMatch }),
      ...(conditional && method === 'GET' ? { 304: { description: 'What `If-None-Match` names is still so' } } : {}),
      ...answers(response, { name: `${name}Answer`, conditional, components }),
    },
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

const ifMatch = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description: 'The `ETag` of what you have read: whoever has changed it since is not overwritten.',
  schema: { type: 'string' },
}

const ifNoneMatch = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  description: 'The `ETag` of what you have: it is not sent again.',
  schema: { type: 'string' },
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

function requestBody(body: z.ZodType, name: string, components: Components): Json {
  const required = !body.safeParse(undefined).success
  return { required, content: { 'application/json': { schema: components.refer(body, 'input', name) } } }
}

interface Answering {
  /** Of an answer without a name. */
  readonly name: string
  readonly conditional: boolean
  readonly components: Components
}

function answers(schemas: RouteSchema['response'] = {}, { name, conditional, components }: Answering): Json {
  return Object.fromEntries(
    Object.entries(schemas).map(([status, schema]) => {
      const headers = conditional && status === '200' ? { headers: { ETag: etagHeader } } : {}
      return [status.toUpperCase(), { ...answer(status, schema, name, components), ...headers }]
    }),
  )
}

const etagHeader = { description: 'The version of what is shown, for `If-Match`', schema: { type: 'string' } }

function answer(status: string, schema: z.ZodType | ByMediaType, name: string, components: Components): Json {
  const description = schema.description ?? STATUS_CODES[status] ?? 'The answer'
  if ('content' in schema) {
    const forms = Object.entries(schema.content).map(
      ([mediaType, form]) => [mediaType, { schema: components.refer(form.schema, 'output', name) }] as const,
    )
    return { description, content: Object.fromEntries(forms) }
  }
  if (schema instanceof z.ZodNull || schema instanceof z.ZodUndefined || schema instanceof z.ZodVoid)
    return { description }
  const json = components.refer(schema, 'output', name)
  // An answer that is not JSON says so: `z.instanceof(Buffer).meta({ contentMediaType: 'application/pdf' })`.
  const { contentMediaType: mediaType = 'application/json' } = json as { contentMediaType?: string }
  return { description, content: { [mediaType]: { schema: json } } }
}

function defined(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
