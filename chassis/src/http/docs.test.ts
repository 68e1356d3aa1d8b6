import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { App } from '../service.ts'
import { open, startHttp } from './server.testing.ts'
import { pageOf, pageQuery } from './pagination.ts'

const line = z.object({ sku: z.string(), quantity: z.int() }).meta({ id: 'DocsTestLine' })
const order = z
  .object({
    id: z.uuid(),
    lines: z.array(line),
    note: z.string().default('none'),
    placedAt: z.date(),
    paidAt: z.date().nullable(),
  })
  .meta({ id: 'DocsTestOrder' })
const routes = (app: App) => {
  app.get('/orders/:id', {
    ...open,
    schema: {
      summary: 'Reads an order.',
      tags: ['orders'],
      params: z.object({ id: z.uuid().describe('its id') }),
      response: { 200: order },
    },
    handler: async () => ({}) as never,
  })
  app.get('/orders', {
    ...open,
    schema: { querystring: z.object(pageQuery), response: { 200: pageOf(order) } },
    handler: async () => ({}) as never,
  })
  app.put('/orders/:id', {
    ...open,
    schema: { body: order.omit({ id: true }), response: { 204: z.undefined() } },
    handler: async () => undefined,
  })
  app.post('/orders', { ...open, schema: { body: order.optional() }, handler: async () => ({}) })
  app.get('/orders/:id/picture', {
    ...open,
    schema: { response: { 200: z.instanceof(Buffer).meta({ contentMediaType: 'image/png' }) } },
    handler: async (_request, reply) => reply.type('image/png').send(Buffer.from([0x89, 0x50])),
  })
}

interface Document {
  readonly openapi: string
  readonly info: object
  readonly paths: Record<string, Record<string, Record<string, unknown>>>
  readonly components: {
    readonly responses: Record<string, object>
    readonly schemas: Record<string, { properties: Record<string, unknown>; required?: string[] }>
  }
}

async function document(): Promise<Document> {
  const { app } = await startHttp([routes])
  return (await app.inject('/docs/json')).json()
}

describe('the OpenAPI document', () => {
  it('is of version 3.1, named after the service, and lists its routes but no probes', async () => {
    const { openapi, info, paths } = await document()
    expect(openapi).toBe('3.1.0')
    expect(info).toEqual({ title: 'orders', summary: 'Takes orders.', version: '1' })
    expect(Object.entries(paths).map(([path, methods]) => [path, Object.keys(methods)])).toEqual([
      ['/orders/{id}', ['get', 'put']],
      ['/orders', ['get', 'post']],
      ['/orders/{id}/picture', ['get']],
    ])
  })

  it('describes parameters', async () => {
    const { paths } = await document()
    expect(paths['/orders/{id}']?.['get']).toMatchObject({
      summary: 'Reads an order.',
      tags: ['orders'],
      parameters: [
        { in: 'path', name: 'id', required: true, description: 'its id', schema: { type: 'string', format: 'uuid' } },
      ],
    })
    expect(paths['/orders']?.['get']?.['parameters']).toMatchObject([
      {
        in: 'query',
        name: 'limit',
        required: false,
        schema: { type: 'integer', minimum: 1, maximum: 100 },
      },
      { in: 'query', name: 'cursor', required: false, schema: { type: 'string' } },
    ])
  })

  it('makes components of named schemas, apart for reading and writing where they differ', async () => {
    const { paths, components } = await document()
    const written = { $ref: '#/components/schemas/DocsTestOrder' }
    expect(paths['/orders/{id}']?.['get']?.['responses']).toMatchObject({
      200: { content: { 'application/json': { schema: written } } },
    })
    const read = { $ref: '#/components/schemas/DocsTestOrder2' }
    expect(paths['/orders']?.['post']?.['requestBody']).toEqual({
      required: false,
      content: { 'application/json': { schema: read } },
    })
    expect(components.schemas['DocsTestOrder']?.required).toContain('note')
    expect(components.schemas['DocsTestOrder2']?.required).not.toContain('note')
    expect(components.schemas['DocsTestOrder']?.properties).toMatchObject({
      lines: { items: { $ref: expect.stringMatching('^#/components/schemas/DocsTestLine') as string } },
      placedAt: { type: 'string', format: 'date-time' },
      paidAt: { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] },
    })
  })

  it('has no dangling references', async () => {
    const text = JSON.stringify(await document())
    const { components } = await document()
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(match => String(match[1]))
    expect(references.length).toBeGreaterThan(5)
    const there = Object.entries(components).flatMap(([kind, named]) =>
      Object.keys(named).map(name => `#/components/${kind}/${name}`),
    )
    expect(references.filter(reference => !there.includes(reference))).toEqual([])
  })

  it('says of every route that its errors are problems, and of 204 that it has no body', async () => {
    const { paths, components } = await document()
    for (const operation of Object.values(paths).flatMap(methods => Object.values(methods))) {
      expect(operation['responses']).toMatchObject({
        default: { $ref: '#/components/responses/Problem' },
      })
    }
    expect(components.responses['Problem']).toMatchObject({
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    })
    expect(components.schemas['Problem']?.required).toContain('code')
    expect(paths['/orders/{id}']?.['put']?.['responses']).toMatchObject({ 204: { description: 'No Content' } })
    expect(JSON.stringify(paths['/orders/{id}']?.['put']?.['responses'])).not.toContain('"application/json"')
  })
})

it('an answer in several forms is described in each', async () => {
  const content = {
    'application/json': { schema: z.array(z.string()) },
    'text/event-stream': { schema: z.string().describe('one event each') },
  }
  const { app } = await startHttp([
    routed => routed.get('/timeline', { ...open, schema: { response: { 200: { content } } } }, async () => ['a']),
  ])
  const { paths } = (await app.inject('/docs/json')).json()
  expect(paths['/timeline'].get.responses['200']).toEqual({
    description: 'OK',
    content: {
      'application/json': { schema: { type: 'array', items: { type: 'string' } } },
      'text/event-stream': { schema: { type: 'string', description: 'one event each' } },
    },
  })
  expect((await app.inject('/timeline')).json()).toEqual(['a'])
})

it('an answer that is no JSON is described as what it is, and sent as it is', async () => {
  const { app } = await startHttp([routes])
  expect((await document()).paths['/orders/{id}/picture']?.['get']?.['responses']).toMatchObject({
    200: { content: { 'image/png': { schema: { contentMediaType: 'image/png' } } } },
  })
  const { headers, rawPayload } = await app.inject('/orders/1/picture')
  expect([headers['content-type'], ...rawPayload]).toEqual(['image/png', 0x89, 0x50])
})

describe('who may call', () => {
  const secured = (app: App) => {
    const schema = { summary: 'Cancels.', description: 'For good.', response: { 200: order, 403: z.object({}) } }
    app.post('/orders/:id/cancel', { config: { access: ['user', 'admin'] }, schema }, async () => ({}))
    app.get('/products', { ...open, schema: { description: 'All of them.' } }, async () => [])
    app.post(
      '/events',
      { config: { access: ['partner'] }, schema: { response: { 202: order } } },
      async () => ({}) as never,
    )
  }
  const read = async (keyRoles: readonly string[] = []) =>
    (await (await startHttp([secured], { keyRoles })).app.inject('/docs/json')).json()

  it('is said of every operation, for machines and for readers', async () => {
    const { paths, components } = await read()
    expect(components.securitySchemes).toMatchObject({ bearerAuth: { type: 'http', scheme: 'bearer' } })
    expect(paths['/orders/{id}/cancel'].post).toMatchObject({
      description: 'For good.\n\nFor the roles: user, admin.',
      security: [{ bearerAuth: [] }],
      'x-roles': ['user', 'admin'],
      responses: { 401: { $ref: '#/components/responses/Unauthorized' }, 403: { description: 'Forbidden' } },
    })
    expect(paths['/events'].post.responses[403]).toEqual({ $ref: '#/components/responses/Forbidden' })
  })

  it('is told with the key that a service takes from some roles', async () => {
    const { paths, components } = await read(['partner'])
    expect(components.securitySchemes).toMatchObject({ apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' } })
    expect(paths['/events'].post.security).toEqual([{ bearerAuth: [] }, { apiKey: [] }])
    expect(paths['/orders/{id}/cancel'].post.security).toEqual([{ bearerAuth: [] }])
    expect((await read()).components.securitySchemes).not.toHaveProperty('apiKey')
  })

  it('is everybody where the route is public; a token is welcome', async () => {
    const { get } = (await read()).paths['/products']
    expect(get).toMatchObject({ description: 'All of them.', security: [{}, { bearerAuth: [] }] })
    expect(Object.keys(get.responses)).toEqual(['default'])
    expect(get).not.toHaveProperty('x-roles')
  })

  it('is told together with how to send a POST that creates twice', async () => {
    const { paths } = await read()
    expect(paths['/events'].post.parameters).toMatchObject([{ in: 'header', name: 'Idempotency-Key', required: false }])
    expect(paths['/orders/{id}/cancel'].post).not.toHaveProperty('parameters')
  })
})

describe('what generators of clients look for', () => {
  const changed = z.object({ name: z.string().transform(text => text.trim()) }).meta({ examples: [{ name: 'Ana' }] })
  const seen = z.record(z.enum(['open', 'closed']), z.int())
  function changeOrder(app: App) {
    const schema = { params: z.object({ id: z.uuid() }), body: changed, response: { 200: seen } }
    app.put('/orders/:id', { config: { access: 'public', conditional: true }, schema }, async () => ({}) as never)
    app.patch('/orders/:id', { config: { access: 'public', conditional: true }, schema }, async () => ({}) as never)
  }
  function payOrder(app: App) {
    app.post('/orders/:id/pay', { config: { access: 'public', idempotent: true } }, async () => ({}))
    app.get('/orders/:id/payment', { config: { access: 'public', conditional: true } }, async () => ({}))
  }
  function listOrders(app: App) {
    app.get('/orders', { ...open, schema: { response: { 200: pageOf(order) } } }, async () => ({}) as never)
  }
  const read = async () =>
    (await (await startHttp([changeOrder, payOrder, listOrders])).app.inject('/docs/json')).json()

  it('is there: operations are named after their use case, and after their method where it has several', async () => {
    const { paths } = await read()
    const ids = Object.values<object>(paths).flatMap(path => Object.values(path).map(each => each.operationId))
    expect(ids).toEqual(['changeOrderByPut', 'changeOrderByPatch', 'payOrderByPost', 'payOrderByGet', 'listOrders'])
  })

  it('is there: every object has a name, and a body an example of what is sent', async () => {
    const { paths, components } = await read()
    const { requestBody, responses } = paths['/orders/{id}'].put
    expect(requestBody.content['application/json'].schema).toEqual({ $ref: '#/components/schemas/ChangeOrderBody' })
    expect(paths['/orders/{id}'].patch.requestBody).toEqual(requestBody)
    expect(responses[200].content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/ChangeOrderAnswer',
    })
    expect(components.schemas).toMatchObject({
      ChangeOrderBody: { type: 'object', examples: [{ name: 'Ana' }] },
      ChangeOrderAnswer: {
        properties: { open: { type: 'integer' }, closed: { type: 'integer' } },
        required: ['open', 'closed'],
      },
      DocsTestOrderPage: { properties: { items: { items: { $ref: '#/components/schemas/DocsTestOrder' } } } },
    })
    expect(components.schemas.ChangeOrderAnswer.properties.open).toEqual({ type: 'integer' })
    expect(components.schemas.DocsTestOrder.properties.id).toEqual({ type: 'string', format: 'uuid' })
  })

  it('is there: the headers of conditional and idempotent requests, and what they lead to', async () => {
    const { paths, components } = await read()
    const headersOf = (parameters: { in: string; name: string }[]) =>
      parameters.filter(each => each.in === 'header').map(each => each.name)
    const { put } = paths['/orders/{id}']
    expect(headersOf(put.parameters)).toEqual(['If-Match'])
    expect(put.responses).toMatchObject({
      200: { headers: { ETag: {} } },
      412: { $ref: '#/components/responses/PreconditionFailed' },
    })
    const { get } = paths['/orders/{id}/payment']
    expect(headersOf(get.parameters)).toEqual(['If-None-Match'])
    expect(get.responses).toHaveProperty('304')
    expect(headersOf(paths['/orders/{id}/pay'].post.parameters)).toEqual(['Idempotency-Key'])
    const statuses = Object.keys(paths['/orders/{id}/pay'].post.responses)
    expect(statuses).toEqual(['400', '404', '409', '422', 'default'])
    expect(components.responses).not.toHaveProperty('Unauthorized')
  })
})

describe('the page', () => {
  it.each(['/docs', '/docs/', '/orders/docs', '/orders/docs/'])('%s and all that it loads is served', async path => {
    const { app } = await startHttp([routes])
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const page = await fetch(url + path)
    expect(page.status).toBe(200)
    const links = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(match => String(match[1]))
    expect(links.length).toBeGreaterThan(5)
    for (const link of links) {
      const asset = await fetch(new URL(link, url + path))
      expect([link, asset.status]).toEqual([link, 200])
      expect((await asset.arrayBuffer()).byteLength).toBeGreaterThan(0)
      expect(asset.headers.get('x-content-type-options')).toBe('nosniff')
    }
    const json = await fetch(new URL('json', `${url}${path.replace(/\/$/, '')}/`))
    expect(await json.json()).toMatchObject({ openapi: '3.1.0' })
  })

  it('may run its own scripts; nothing else may', async () => {
    const { app } = await startHttp([routes])
    const policy = async (url: string) => (await app.inject(url)).headers['content-security-policy']
    expect(await policy('/docs')).toContain("script-src 'self'")
    expect(await policy('/docs/static/swagger-initializer.js')).toContain("script-src 'self'")
    expect(await policy('/orders')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect((await app.inject('/docs')).body).not.toMatch(/<script>|<script [^>]*>\s*\w/)
  })

  it('is also found where it was before', async () => {
    const { app } = await startHttp([routes])
    expect(await app.inject('/api')).toMatchObject({ statusCode: 308, headers: { location: '/docs' } })
  })

  it('answers for what it does not have with a problem', async () => {
    const { app } = await startHttp([routes])
    for (const path of ['/docs/nothing', '/docs/static/nothing.js', '/orders/docs/static/../../../package.json']) {
      const answer = await app.inject(path)
      expect(answer.statusCode).toBe(404)
      expect(answer.json()).toMatchObject({ code: 'route-not-found' })
    }
  })
})
