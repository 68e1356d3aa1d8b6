import { journey, type Folder, type Role, type Step } from './journey.ts'
import type { Json, OpenApi, Operation, Parameter } from './openapi.ts'

interface Endpoint {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

const description = `Every public operation of Feira, in an order in which the collection can be run from top to bottom against a fresh \`npm start\` (or compose): it signs in, and each request keeps what the next ones need in the collection's variables. Made from the OpenAPI document by \`npm run docs\`.

In Postman: Import, then Run. In a terminal: \`npx newman run docs/api/feira.postman_collection.json\`.`

/** The Postman collection (format 2.1) of the gateway's document. @throws naming operations that the journey leaves out. */
export function describeCollection(document: OpenApi): Json {
  const endpoints = new Map(
    Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => [
        operation.operationId,
        { method: method.toUpperCase(), path, operation },
      ]),
    ),
  )
  requireAll(endpoints)
  const kept = journey.flatMap(({ steps }) => steps.flatMap(({ keep = {} }) => Object.keys(keep)))
  return {
    info: {
      name: document.info.title,
      description,
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    auth: authOf('admin'),
    variable: [
      { key: 'baseUrl', value: 'http://localhost:8000' },
      { key: 'run', value: '', description: 'makes names of this run its own' },
      { key: 'follow', value: '', description: '`yes`: a run also follows live timelines, which have no end' },
      ...[...new Set(kept)].map(key => ({ key, value: '' })),
    ],
    event: [script('prerequest', beginRun)],
    item: journey.map(folder => folderOf(folder, endpoints, document)),
  }
}

const beginRun = [
  "if (!pm.collectionVariables.get('run')) pm.collectionVariables.set('run', Date.now().toString(36).toUpperCase())",
]

function requireAll(endpoints: ReadonlyMap<string, Endpoint>): void {
  const used = new Set(journey.flatMap(({ steps }) => steps.map(({ operation }) => operation)))
  const missing = [...endpoints.keys()].filter(id => !used.has(id))
  const unknown = [...used].filter(id => !endpoints.has(id))
  if (missing.length > 0) throw new Error(`local/src/docs/journey.ts has no step for ${missing.join(', ')}`)
  if (unknown.length > 0) throw new Error(`local/src/docs/journey.ts has steps for ${unknown.join(', ')}: no operation`)
}

function folderOf(folder: Folder, endpoints: ReadonlyMap<string, Endpoint>, document: OpenApi): Json {
  const { name, description: text, steps } = folder
  const item = steps.map(step => itemOf(step, endpoints.get(step.operation) as Endpoint, document))
  return { name, description: text, item }
}

function itemOf(step: Step, { method, path, operation }: Endpoint, document: OpenApi): Json {
  const before = [
    ...(step.operation === 'logIn' && step.body === undefined
      ? ["pm.collectionVariables.unset('run')", ...beginRun]
      : []),
    ...(step.endless ? ["if (pm.collectionVariables.get('follow') !== 'yes') pm.execution.skipRequest()"] : []),
    ...(step.wait === undefined ? [] : [`setTimeout(() => {}, ${step.wait})`]),
  ]
  const event = [...(before.length > 0 ? [script('prerequest', before)] : []), script('test', testsOf(step, operation))]
  const body = bodyOf(step, operation, document)
  return {
    name: step.name ?? operation.summary,
    event,
    request: {
      method,
      description: [operation.description, step.note].filter(text => text !== undefined).join('\n\n'),
      auth: authOf(step.as),
      header: headersOf(step, operation),
      url: urlOf(step, path, operation),
      ...(body === undefined
        ? {}
        : { body: { mode: 'raw', raw: JSON.stringify(body, null, 2), options: { raw: { language: 'json' } } } }),
    },
    response: [],
  }
}

function script(listen: 'prerequest' | 'test', exec: readonly string[]): Json {
  return { listen, script: { type: 'text/javascript', exec } }
}

function testsOf({ keep = {}, status }: Step, { responses }: Operation): string[] {
  const expected = status ?? Number(Object.keys(responses).find(code => code.startsWith('2')))
  return [
    `pm.test('answers ${expected}', () => pm.response.to.have.status(${expected}))`,
    ...Object.entries(keep).map(([name, where]) => {
      const value =
        typeof where === 'string' ? `pm.response.json().${where}` : `pm.response.headers.get('${where.header}')`
      return `pm.collectionVariables.set('${name}', ${value})`
    }),
  ]
}

function authOf(role: Role): Json {
  if (role === 'nobody') return { type: 'noauth' }
  const entry = (key: string, value: string) => ({ key, value, type: 'string' })
  if (role === 'partner')
    return {
      type: 'apikey',
      apikey: [entry('key', 'X-API-Key'), entry('value', '{{partnerKey}}'), entry('in', 'header')],
    }
  return { type: 'bearer', bearer: [entry('token', `{{${role}Token}}`)] }
}

function headersOf(step: Step, { parameters = [], requestBody }: Operation): Json[] {
  return [
    ...(requestBody ? [{ key: 'Content-Type', value: 'application/json' }] : []),
    ...parameters.filter(each => each.in === 'header').map(each => headerOf(step, each)),
  ]
}

function headerOf({ match }: Step, { name, description: text }: Parameter): Json {
  const told = text === undefined ? {} : { description: text }
  if (name === 'Idempotency-Key') return { key: name, value: '{{$guid}}', ...told }
  if (name === 'If-Match' && match !== undefined) return { key: name, value: `{{${match}}}`, ...told }
  return { key: name, value: '', ...told, disabled: true }
}

function urlOf({ path: values = {}, query = {} }: Step, path: string, { parameters = [] }: Operation): Json {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`a step of local/src/docs/journey.ts lacks ${name} of ${path}`)
    return value
  })
  const parameterOf = ({ name, description: text }: Parameter) => ({
    key: name,
    value: query[name] ?? '',
    ...(text === undefined ? {} : { description: text }),
    ...(name in query ? {} : { disabled: true }),
  })
  const asked = parameters.filter(each => each.in === 'query').map(parameterOf)
  const text = Object.entries(query).map(([key, value]) => `${key}=${value}`)
  return {
    raw: `{{baseUrl}}${filled}${text.length > 0 ? `?${text.join('&')}` : ''}`,
    host: ['{{baseUrl}}'],
    path: filled.slice(1).split('/'),
    ...(asked.length > 0 ? { query: asked } : {}),
  }
}

/** What the step sends, or else the first example of the body's schema. */
function bodyOf({ body, operation: id }: Step, { requestBody }: Operation, { components }: OpenApi): unknown {
  if (!requestBody) return undefined
  if (body !== undefined) return body
  const { schema } = requestBody.content['application/json']
  const name = String(schema['$ref']).replace('#/components/schemas/', '')
  const { examples = [], properties } = (components.schemas[name] ?? schema) as {
    examples?: unknown[]
    properties?: Json
  }
  if (examples.length > 0) return examples[0]
  if (Object.keys(properties ?? {}).length === 0) return {}
  throw new Error(`the body of ${id} needs an example: .meta({ examples: […] })`)
}
