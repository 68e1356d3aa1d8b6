import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, type RequestListener, request as connect } from 'node:http'
import { type AddressInfo, connect as connectSocket, createServer as createSocketServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { readGatewayConfig } from './config.ts'
import { type GatewayLog, type GatewayOptions, startGateway } from './index.ts'

const configFile = path.resolve(import.meta.dirname, '../../../docker/kong/kong.yml')
const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function listen(server: Server): Promise<{ host: string; port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => server.close())
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** A service; it says what it was asked. */
async function startService(name: string, listener: RequestListener = echo(name)) {
  const server = createServer(listener)
  cleanups.push(() => server.closeAllConnections())
  return listen(server)
}

function echo(name: string): RequestListener {
  return (request, response) => {
    void text(request).then(body => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ name, method: request.method, url: request.url, headers: request.headers, body }))
    })
  }
}

async function start(options: Partial<GatewayOptions> = {}): Promise<{ port: number; url: string }> {
  const upstreams = options.upstreams ?? {
    'app-orders:3333': await startService('orders'),
    'app-invoices:3334': await startService('invoices'),
    'app-queries:3338': await startService('queries'),
    'app-partners:3339': await startService('partners'),
  }
  const gateway = await startGateway({ configFile, port: 0, ...options, upstreams })
  cleanups.push(() => gateway.close())
  return { port: gateway.port, url: `http://127.0.0.1:${gateway.port}` }
}

/** Every service that the file names; each says who it is unless told otherwise. */
async function startServices(listener?: RequestListener): Promise<GatewayOptions['upstreams']> {
  const names = new Set(readGatewayConfig(configFile).services.map(({ host, port }) => `${host}:${port}`))
  const started = [...names].map(async name => [name, await startService(name, listener)] as const)
  return Object.fromEntries(await Promise.all(started))
}

/** What the paths of the file's routes begin with, expressions aside. */
function prefixesOf(file: string): string[] {
  const paths = readGatewayConfig(file).services.flatMap(({ routes }) => routes.flatMap(route => route.paths))
  return [...new Set(paths.filter(path => path.startsWith('/')).map(path => path.replace(/\/$/, '')))]
}

/** A gateway before an orders service that behaves like this. */
async function startBefore(listener: RequestListener, options: Partial<GatewayOptions> = {}) {
  return start({ ...options, upstreams: { 'app-orders:3333': await startService('orders', listener) } })
}

/** Kong's file with the changes of one test. */
function configure(change: (yaml: string) => string, yaml: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'feira-gateway-test-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'kong.yml')
  writeFileSync(file, change(yaml))
  return file
}

const oneService = `
_format_version: '3.0'
services:
  - name: orders
    host: app-orders
    port: 3333
    path: /orders
    read_timeout: 100
    connect_timeout: 100
    routes:
      - name: orders
        paths: [/orders]
`

/** Sends the path as it is; `fetch` would normalise it. */
async function ask(port: number, target: string, options: { method?: string; headers?: Record<string, string> } = {}) {
  const request = connect({ host: '127.0.0.1', port, path: target, agent: false, ...options }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const body = await text(response)
  return {
    status: response.statusCode,
    headers: response.headers,
    body,
    seen: body.startsWith('{') ? JSON.parse(body) : {},
  }
}

/** Sends bytes and returns all that comes back. */
async function sendRaw(port: number, bytes: string): Promise<string> {
  const socket = connectSocket(port, '127.0.0.1')
  socket.write(bytes)
  return text(socket)
}

describe('routing', () => {
  test.each([
    ['/orders', 'orders', '/orders'],
    ['/orders/', 'orders', '/orders/'],
    ['/orders?limit=2&cursor=a%2Fb', 'orders', '/orders?limit=2&cursor=a%2Fb'],
    ['/orders/123/history?x=1', 'orders', '/orders/123/history?x=1'],
    ['/api/v1/orders', 'orders', '/orders'],
    ['/api/v1/orders/123', 'orders', '/orders/123'],
    ['/invoices/123/pdf', 'invoices', '/invoices/123/pdf'],
    ['/api/v1/invoices?orderId=1', 'invoices', '/invoices?orderId=1'],
    ['/q/orders/1/timeline', 'queries', '/q/orders/1/timeline'],
    ['/api/v1/q/stats', 'queries', '/q/stats'],
    ['/events', 'partners', '/events'],
    ['/api/v1/events/batch', 'partners', '/events/batch'],
    ['/partners/1/keys', 'partners', '/partners/1/keys'],
    ['/orders/a%c3%a7%20%2f%25', 'orders', '/orders/a%C3%A7%20%2F%25'],
    ['/orders/./x/../%2e%2e/orders/1', 'orders', '/orders/1'],
    ['//orders//1', 'orders', '/orders/1'],
    ['/orders/..;/metrics', 'orders', '/orders/..;/metrics'],
  ])('%s reaches %s as %s', async (target, name, url) => {
    const { port } = await start()
    expect((await ask(port, target)).seen).toMatchObject({ name, url })
  })

  test.each([
    '/ordersfoo',
    '/metrics',
    '/ops/dead-letters',
    '/orders/../ops/dead-letters',
    '/orders/%2e%2e/metrics',
    '/orders/%2E./metrics',
    '//ops',
    '/orders%2f..%2fops',
    '/api/v1/../../metrics',
    '/api/v1/metrics',
    '/unknown',
  ])('%s reaches no service', async target => {
    const { port } = await start()
    const { status, headers, seen } = await ask(port, target)
    expect(status).toBe(404)
    expect(headers['content-type']).toBe('application/problem+json')
    expect(seen).toMatchObject({ code: 'route-not-found', status: 404, title: 'Not Found' })
  })

  test('an encoded slash stays one, so that a service sees an id and not a path', async () => {
    const { port } = await start()
    expect((await ask(port, '/orders/..%2f..%2fops')).seen).toMatchObject({ url: '/orders/..%2F..%2Fops' })
  })

  test.each(['/', '/docs', '/docs/'])('GET %s names every service and what to try', async path => {
    const { url } = await start()
    const response = await fetch(url + path)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const page = await response.text()
    for (const name of ['orders', 'invoices', 'users', 'products', 'notifications', 'queries', 'partners'])
      expect(page).toContain(`<strong>${name}</strong>`)
    for (const request of ['/auth/login', '/orders']) expect(page).toContain(`curl localhost:8000${request} -H`)
  })

  test('its links lead through the gateway to the documentation of each service', async () => {
    const upstreams = await startServices()
    const { port } = await start({ upstreams })
    const page = (await ask(port, '/')).body
    const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, link]) => link ?? '')
    const answers = await Promise.all(links.map(async link => (await ask(port, link)).seen))
    expect(new Set(answers.map(({ name }) => name))).toEqual(new Set(Object.keys(upstreams)))
    expect(answers.filter(({ url }) => !/^\/[a-z]+\/docs\/$/.test(url))).toEqual([])
  })

  test('no spelling of a path leads to what a service keeps for itself', async () => {
    const asked: string[] = []
    const upstreams = await startServices((request, response) => response.end(String(asked.push(request.url ?? ''))))
    const { port } = await start({ upstreams })
    const prefixes = ['', '/api/v1', ...prefixesOf(configFile)]
    const own = ['metrics', 'ops', 'ops/dead-letters', 'ops/dead-letters/replay']
    const climbs = [
      '/',
      '//',
      '/./',
      '/../',
      '/..//',
      '/%2e%2e/',
      '/x/../../',
      '/..%2f',
      '/%2E%2E%2F',
      '/..;/',
      '/..\\',
    ]
    const paths = prefixes.flatMap(prefix => climbs.flatMap(climb => own.map(name => `${prefix}${climb}${name}`)))
    for (const path of paths) for (const method of ['GET', 'POST', 'DELETE']) await ask(port, path, { method })
    expect(paths.length).toBeGreaterThan(500)
    expect(asked.length).toBeGreaterThan(500)
    expect(asked.filter(url => /^\/+(?:metrics|ops)(?:[/?]|$)/.test(url))).toEqual([])
  })

  test('an expression goes before a prefix, a longer prefix before a shorter one, methods before both', async () => {
    const route = (name: string, rest: string) => `      - { name: ${name}, strip_path: false, ${rest} }\n`
    const yaml = `${oneService}${route('long', 'paths: [/a/long]')}${route('short', 'paths: [/a]')}
      - { name: regex, paths: ['~/a/(lo)'], strip_path: true }
      - { name: post, paths: [/a], methods: [POST], preserve_host: true, strip_path: true }
`
    const { port } = await start({ configFile: configure(same => same, yaml) })
    expect((await ask(port, '/a/long/1')).seen).toMatchObject({ url: '/orders/ng/1' })
    expect((await ask(port, '/a/other')).seen).toMatchObject({ url: '/orders/a/other' })
    const posted = await ask(port, '/a/long/1', { method: 'POST', headers: { host: 'shop.example' } })
    expect(posted.seen).toMatchObject({ url: '/orders/long/1', headers: { host: 'shop.example' } })
  })
})

describe('what is forwarded', () => {
  test('where the request came from, and tracing headers as they are', async () => {
    const { port } = await start()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const headers = { host: 'shop.example:8000', traceparent, tracestate: 'a=1', 'x-forwarded-for': '203.0.113.9' }
    const { seen } = await ask(port, '/api/v1/orders/1', { headers })
    expect(seen.headers).toMatchObject({
      host: 'app-orders:3333',
      traceparent,
      tracestate: 'a=1',
      'x-forwarded-for': '203.0.113.9, 127.0.0.1',
      'x-forwarded-host': 'shop.example',
      'x-forwarded-port': String(port),
      'x-forwarded-proto': 'http',
      'x-forwarded-prefix': '/api/v1/orders/',
      'x-forwarded-path': '/api/v1/orders/1',
    })
  })

  test.each(['%00', '%0D%0Ax-roles:%20admin', '%7F', '%FF'])(
    'a path with %s, encoded wherever it is named',
    async part => {
      const { port } = await start()
      const asked = `/orders/${part}`
      const { seen } = await ask(port, asked)
      expect(seen).toMatchObject({ url: asked, headers: { 'x-forwarded-path': asked } })
      expect(seen.headers['x-roles']).toBeUndefined()
    },
  )

  test('nothing that is meant for one connection, in either direction', async () => {
    const { port } = await startBefore((request, response) => {
      response.writeHead(200, {
        connection: 'x-internal',
        'x-internal': '1',
        'keep-alive': 'timeout=9',
        'set-cookie': ['a=1', 'b=2'],
      })
      response.end(JSON.stringify({ headers: request.headers }))
    })
    const headers = {
      connection: 'close, x-hop',
      'x-hop': '1',
      te: 'trailers',
      upgrade: 'h2c',
      'proxy-authorization': 'x',
      kept: '1',
    }
    const { seen, headers: answered } = await ask(port, '/orders', { headers })
    expect(Object.keys(seen.headers)).toEqual(
      expect.not.arrayContaining(['x-hop', 'te', 'upgrade', 'proxy-authorization']),
    )
    expect(seen.headers).toMatchObject({ kept: '1', connection: 'keep-alive' })
    expect(answered).not.toHaveProperty('x-internal')
    expect(answered['set-cookie']).toEqual(['a=1', 'b=2'])
  })

  test('a body, with and without a length', async () => {
    const { url } = await start()
    const known = await fetch(`${url}/orders`, { method: 'POST', body: '{"amount":29.99}' })
    expect(await known.json()).toMatchObject({ body: '{"amount":29.99}', headers: { 'content-length': '16' } })
    const body = new Blob(['a'.repeat(10), 'b']).stream()
    const chunked = await fetch(`${url}/orders`, { method: 'POST', body, duplex: 'half' })
    expect(await chunked.json()).toMatchObject({ body: 'aaaaaaaaaab' })
  })

  test('a hundred requests at once over kept connections, each with its own answer', async () => {
    const sockets = new Set<unknown>()
    const { port } = await startBefore((request, response) => {
      sockets.add(request.socket)
      response.end(JSON.stringify({ url: request.url }))
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 10 })
    cleanups.push(() => agent.destroy())
    const one = async (id: number) => {
      const request = connect({ host: '127.0.0.1', port, path: `/orders/${id}`, agent }).end()
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      return JSON.parse(await text(response)).url
    }
    const ids = Array.from({ length: 100 }, (_, id) => id)
    expect(await Promise.all(ids.map(one))).toEqual(ids.map(id => `/orders/${id}`))
    expect(sockets.size).toBeLessThanOrEqual(10)
  })
})

describe('streams', () => {
  test('an event arrives while the stream is open', async () => {
    let send: (event: string) => void = () => undefined
    const { url } = await startBefore((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      send = event => response.write(event)
    })
    const response = await fetch(`${url}/orders/1/events`)
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    send('data: 1\n\n')
    expect(await reader?.read()).toMatchObject({ value: 'data: 1\n\n' })
    send('data: 2\n\n')
    expect(await reader?.read()).toMatchObject({ value: 'data: 2\n\n' })
    await reader?.cancel()
  })

  test('a timeline passes event by event, and a client that leaves in the middle ends it', async () => {
    const left = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<(event: string) => void>()
    const queries = await startService('queries', (_, response) => {
      response.on('close', left.resolve)
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      opened.resolve(event => response.write(event))
    })
    const { url } = await start({ upstreams: { 'app-queries:3338': queries } })
    const response = await fetch(`${url}/q/timeline`)
    const send = await opened.promise
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    for (const event of ['id: 1\ndata: 1\n\n', 'id: 2\ndata: 2\n\n']) {
      send(event)
      expect(await reader?.read()).toMatchObject({ value: event })
    }
    await reader?.cancel()
    await left.promise
  })

  test('a client that leaves ends the request to the service', async () => {
    const left = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const { url } = await startBefore((_, response) => {
      response.on('close', left.resolve)
      reached.resolve()
    })
    const leaving = new AbortController()
    const answer = fetch(`${url}/orders`, { signal: leaving.signal })
    await reached.promise
    leaving.abort()
    await expect(answer).rejects.toThrow('aborted')
    await left.promise
  })

  test.each(['content-length', 'chunked'])(
    'a service that dies in mid-answer (%s) never looks finished',
    async framing => {
      const { url } = await startBefore((_, response) => {
        response.writeHead(200, framing === 'chunked' ? {} : { 'content-length': 100 })
        response.write('half', () => response.destroy())
      })
      const response = await fetch(`${url}/orders`)
      await expect(response.text()).rejects.toThrow('terminated')
    },
  )

  test('a service that falls silent in mid-answer for longer than read_timeout neither', async () => {
    const listener: RequestListener = (_, response) => void response.write('half')
    const { url } = await startBefore(listener, { configFile: configure(same => same, oneService) })
    const response = await fetch(`${url}/orders`)
    await expect(response.text()).rejects.toThrow('terminated')
  })
})

describe('a service that does not answer', () => {
  async function problemOf(url: string, init?: RequestInit) {
    const response = await fetch(`${url}/orders`, init)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('retry-after')).toBe('1')
    return (await response.json()) as Record<string, unknown>
  }

  test('not part of this system: 503 that names it', async () => {
    const { url } = await start({ upstreams: {} })
    expect(await problemOf(url)).toMatchObject({
      status: 503,
      code: 'upstream-unavailable',
      detail: expect.stringContaining('orders is not running'),
    })
  })

  test('nothing listens: 503, also to a POST with a body', async () => {
    const server = createSocketServer()
    const dead = await listen(server)
    server.close()
    const warn = vi.fn<GatewayLog['warn']>()
    const { url } = await start({ upstreams: { 'app-orders:3333': dead }, log: { debug: () => undefined, warn } })
    expect(await problemOf(url)).toMatchObject({ status: 503 })
    expect(await problemOf(url, { method: 'POST', body: 'x'.repeat(100_000) })).toMatchObject({ status: 503 })
    expect(warn).toHaveBeenCalledWith(expect.objectContaining({ service: 'orders' }), expect.any(String))
  })

  test('it starts while a GET is being repeated: the GET is answered', async () => {
    const server = createSocketServer()
    const dead = await listen(server)
    server.close()
    const { url } = await start({ upstreams: { 'app-orders:3333': dead } })
    const answer = fetch(`${url}/orders`)
    const revived = createServer(echo('orders')).listen(dead.port, '127.0.0.1')
    cleanups.push(() => revived.close())
    expect((await answer).status).toBe(200)
  })

  test('the connection breaks before an answer: 502, and a POST is not sent twice', async () => {
    let requests = 0
    const { url } = await startBefore(request => {
      requests++
      request.socket.destroy()
    })
    expect(await problemOf(url, { method: 'POST', body: '{}' })).toMatchObject({
      status: 502,
      code: 'upstream-unavailable',
    })
    expect(requests).toBe(1)
  })

  test.each([
    ['GET', 2],
    ['PUT', 1],
    ['DELETE', 1],
  ])('a kept connection breaks: a %s is sent %i times', async (method, times) => {
    let requests = 0
    const users = await startService('users', (request, response) => {
      if (request.url === '/users/warm') return response.end()
      if (++requests === 1) return request.socket.destroy()
      response.end()
    })
    const { port } = await start({ upstreams: { 'app-users:3335': users } })
    await ask(port, '/users/warm')
    const { status } = await ask(port, '/users/1', { method })
    expect({ status, requests }).toEqual({ status: times === 1 ? 502 : 200, requests: times })
  })

  test('it is silent for longer than read_timeout: 504', async () => {
    const { url } = await startBefore(() => undefined, { configFile: configure(same => same, oneService) })
    expect(await problemOf(url)).toMatchObject({ status: 504, code: 'upstream-unavailable' })
  })
})

describe('plugins', () => {
  test('a correlation id is made or taken over, sent to the service and back, also with errors', async () => {
    const { port } = await start()
    const made = await ask(port, '/orders')
    expect(made.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(made.seen.headers['x-correlation-id']).toBe(made.headers['x-correlation-id'])
    const given = await ask(port, '/unknown', { headers: { 'x-correlation-id': 'mine' } })
    expect(given.headers['x-correlation-id']).toBe('mine')
  })

  test('each request is logged with its correlation id and status', async () => {
    const debug = vi.fn<GatewayLog['debug']>()
    const { port } = await start({ log: { debug, warn: () => undefined } })
    await ask(port, '/orders/1', { headers: { 'x-correlation-id': 'mine' } })
    const line = { method: 'GET', path: '/orders/1', status: 200, correlationId: 'mine' }
    await vi.waitFor(() => expect(debug).toHaveBeenCalledWith(expect.objectContaining(line), 'request'))
  })

  test('an error of the gateway carries the correlation id and the trace id', async () => {
    const { port } = await start({ upstreams: {} })
    const headers = {
      'x-correlation-id': 'mine',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    }
    const { seen } = await ask(port, '/orders', { headers })
    expect(seen).toMatchObject({
      correlationId: 'mine',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      instance: '/orders',
    })
  })

  test('a body over 1 MiB is refused, whether its length is told or not, and the connection goes on', async () => {
    let received = 0
    const { url } = await startBefore((request, response) => {
      request.on('data', (chunk: Buffer) => (received += chunk.length)).on('error', () => undefined)
      request.on('end', () => response.end('{}'))
    })
    const body = 'x'.repeat(2 ** 20 + 1)
    const known = await fetch(`${url}/orders`, { method: 'POST', body })
    expect(known.status).toBe(413)
    expect(await known.json()).toMatchObject({ code: 'payload-too-large' })
    expect(received).toBe(0)
    const stream = new Blob([body, body]).stream()
    const unknown = await fetch(`${url}/orders`, { method: 'POST', body: stream, duplex: 'half' })
    expect(unknown.status).toBe(413)
    expect((await fetch(`${url}/orders`, { method: 'POST', body: 'x'.repeat(2 ** 20) })).status).toBe(200)
  })

  test('a client that asks before it sends a large body is refused before it does', async () => {
    const { port } = await start()
    const head = 'POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: '
    expect(await sendRaw(port, `${head}9999999\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /)
    expect(await sendRaw(port, `${head}2\r\n\r\n{}`)).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /)
  })

  test('a preflight is answered by the gateway, and other answers can be read by any origin', async () => {
    const { port } = await start({ upstreams: {} })
    const headers = { origin: 'https://shop.example', 'access-control-request-method': 'POST' }
    const preflight = await ask(port, '/orders', { method: 'OPTIONS', headers })
    expect(preflight.status).toBe(200)
    expect(preflight.headers).toMatchObject({ 'access-control-allow-origin': '*', 'access-control-max-age': '3600' })
    expect(preflight.headers['access-control-allow-methods']).toContain('PATCH')
    expect(preflight.headers['access-control-allow-headers']).toContain('Idempotency-Key')
    const refused = await ask(port, '/orders', { headers: { origin: 'https://shop.example' } })
    expect(refused.headers['access-control-allow-origin']).toBe('*')
    expect(refused.headers['access-control-expose-headers']).toContain('ETag')
  })

  test('requests are counted per address only when that is asked for', async () => {
    const strict = (yaml: string) =>
      `${yaml}\nplugins:\n  - name: rate-limiting\n    config: { minute: 2, policy: local, limit_by: ip }\n`
    const file = configure(strict, oneService)
    const limited = await start({ configFile: file, rateLimit: true })
    // The window is the minute of the clock: four requests leave one over the limit even where it begins between them.
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask(limited.port, '/orders')))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThanOrEqual(2)
    expect(refused[0]?.seen).toMatchObject({ code: 'rate-limited' })
    expect(Number(refused[0]?.headers['retry-after'])).toBeLessThanOrEqual(60)
    const free = await start({ configFile: file })
    expect(
      (await Promise.all(Array.from({ length: 6 }, () => ask(free.port, '/orders')))).map(({ status }) => status),
    ).toEqual(Array(6).fill(200))
  })
})

describe('the limit of requests per address', () => {
  const limit = '- { name: rate-limiting, config: { minute: 2, policy: local, limit_by: ip } }'

  test('is one for all paths, and another for a service that has its own', async () => {
    const own = `    plugins:\n      ${limit}\n    routes:`
    const other = oneService
      .replace('services:', '')
      .replace("_format_version: '3.0'", '')
      .replaceAll('orders', 'events')
    const yaml = `${oneService}      - { name: others, paths: [/others, /more] }${other.replace('    routes:', own)}\nplugins:\n  ${limit}\n`
    const upstreams = {
      'app-orders:3333': await startService('orders'),
      'app-events:3333': await startService('events'),
    }
    const { port } = await start({ configFile: configure(same => same, yaml), upstreams, rateLimit: true })
    const paths = ['/orders', '/others', '/more', '/orders', '/others', '/more']
    const answers = await Promise.all(paths.map(path => ask(port, path)))
    // Where a minute of the clock begins between them, four pass.
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(2)
    expect((await ask(port, '/events')).status).toBe(200)
  })

  test('leaves what a service says of its own limits to the service', async () => {
    const partners = await startService('partners', (_request, response) => {
      response.writeHead(200, { 'ratelimit-limit': '10', 'ratelimit-remaining': '9', 'ratelimit-reset': '1' }).end()
    })
    const { port } = await start({ upstreams: { 'app-partners:3339': partners }, rateLimit: true })
    const { headers } = await ask(port, '/events', { headers: { origin: 'https://shop.example' } })
    expect(headers).toMatchObject({ 'ratelimit-limit': '10', 'ratelimit-remaining': '9', 'ratelimit-reset': '1' })
    expect(headers).not.toHaveProperty('x-ratelimit-limit-minute')
    expect(headers['access-control-expose-headers']).toContain('RateLimit-Reset')
    expect((await ask(port, '/partners')).headers['ratelimit-limit']).toBe('1000')
  })

  test('can be silent, as Kong then is about when to come back', async () => {
    const silent = `plugins:\n  ${limit.replace('limit_by: ip', 'limit_by: ip, hide_client_headers: true')}\n`
    const limited = await start({ configFile: configure(yaml => `${yaml}\n${silent}`, oneService), rateLimit: true })
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask(limited.port, '/orders')))
    const refused = answers.find(({ status }) => status === 429)
    for (const name of ['retry-after', 'ratelimit-limit', 'ratelimit-reset', 'x-ratelimit-limit-minute'])
      expect(refused?.headers).not.toHaveProperty(name)
  })
})

describe('refusals', () => {
  test.each([
    ['an unknown field of a service', 'port: 3333', 'port: 3333\n    tls_verify: true', 'services[0].tls_verify'],
    [
      'an unknown field of a route',
      'paths: [/orders]',
      'paths: [/orders]\n        hosts: [x]',
      'services[0].routes[0].hosts',
    ],
    ['another protocol', 'port: 3333', 'port: 3333\n    protocol: grpc', 'services[0].protocol'],
    ['an unknown plugin', '_format', 'plugins: [{ name: key-auth, config: {} }]\n_format', 'plugins[0].name'],
    [
      'an unknown option of a plugin',
      '_format',
      'plugins: [{ name: correlation-id, config: { generator: tracker } }]\n_format',
      'plugins[0].config.generator',
    ],
    ['an unknown section', '_format', 'upstreams: []\n_format', 'upstreams'],
    ['another format', "'3.0'", "'2.1'", '_format_version'],
  ])('%s is named at start', async (_, found, replacement, place) => {
    const file = configure(yaml => yaml.replace(found, replacement), oneService)
    const attempt = startGateway({ configFile: file, port: 0, upstreams: {} })
    await expect(attempt).rejects.toThrow(`  ${place}: `)
    await expect(attempt).rejects.toThrow(file)
  })

  test('a port that is taken is an error with its code', async () => {
    const { port } = await listen(createSocketServer())
    await expect(startGateway({ configFile, port, upstreams: {} })).rejects.toMatchObject({ code: 'EADDRINUSE', port })
  })

  test.each([
    ['garbage', 'NONSENSE\r\n\r\n', '400 Bad Request'],
    [
      'two framings',
      'POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      '400 Bad Request',
    ],
    [
      'huge headers',
      `GET /orders HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
    ],
    [
      'the form for forward proxies',
      'GET http://other.example/orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      '400 Bad Request',
    ],
  ])('%s is answered without harm', async (_, bytes, status) => {
    const { port, url } = await start()
    const answer = await sendRaw(port, bytes)
    expect(answer).toContain(`HTTP/1.1 ${status}\r\n`)
    expect(answer).toContain('application/problem+json')
    expect((await fetch(`${url}/orders`)).status).toBe(200)
  })
})

test('closing lets a request under way finish and leaves nothing open', async () => {
  const reached = Promise.withResolvers<() => void>()
  const upstream = await startService('orders', (_, response) => reached.resolve(() => response.end('done')))
  const gateway = await startGateway({ configFile, port: 0, upstreams: { 'app-orders:3333': upstream } })
  const answer = fetch(`http://127.0.0.1:${gateway.port}/orders`)
  const finish = await reached.promise
  const closed = gateway.close()
  finish()
  expect(await (await answer).text()).toBe('done')
  await closed
  await expect(fetch(`http://127.0.0.1:${gateway.port}/orders`)).rejects.toThrow('fetch failed')
})
