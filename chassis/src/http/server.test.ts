import http from 'node:http'
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { App } from '../service.ts'
import { eventually, open, startHttp } from './server.testing.ts'

async function listen(app: App): Promise<{ port: number; url: string }> {
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: Number(new URL(url).port), url }
}

/** Sends raw bytes and reads until the server hangs up. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(bytes)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

describe('what is not HTTP', () => {
  it.each([
    ['a malformed request line', 'GET\r\n\r\n', 400, 'malformed-request'],
    ['another protocol', '\x16\x03\x01\x02\x00\r\n\r\n', 400, 'malformed-request'],
    [
      'two lengths',
      'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
      400,
      'malformed-request',
    ],
    ['headers over 16 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers-too-large'],
  ])('%s, is answered with a problem', async (_, bytes, status, code) => {
    const { app } = await startHttp([])
    const answer = await exchange((await listen(app)).port, bytes)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toContain('content-type: application/problem+json')
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code, status })
  })
})

describe('every answer', () => {
  it.each(['/live', '/nowhere', '/%ff'])('tells browsers to do nothing with it: %s', async url => {
    const { app } = await startHttp([])
    const { headers } = await app.inject(url)
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'strict-transport-security': expect.stringContaining('max-age=') as string,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    })
    expect(headers).not.toHaveProperty('x-powered-by')
    expect(headers).not.toHaveProperty('server')
  })
})

describe('behind a proxy', () => {
  const whoAmI = (app: App) => app.get('/me', open, async ({ ip, protocol, host }) => ({ ip, protocol, host }))
  const forwarded = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.test' }

  it('the client is who a private peer says', async () => {
    const { app } = await startHttp([whoAmI])
    const answer = await app.inject({ url: '/me', headers: forwarded, remoteAddress: '10.0.0.7' })
    expect(answer.json()).toEqual({ ip: '203.0.113.9', protocol: 'https', host: 'shop.test' })
  })

  it('a client cannot add addresses in front of its own', async () => {
    const { app } = await startHttp([whoAmI])
    const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' }
    const answer = await app.inject({ url: '/me', headers, remoteAddress: '10.0.0.7' })
    expect(answer.json()).toMatchObject({ ip: '203.0.113.9' })
  })

  it('the client is the last who is not a proxy, also behind a load balancer and a gateway', async () => {
    const { app } = await startHttp([whoAmI])
    // It pretends, the load balancer adds it, the gateway adds the load balancer.
    const headers = { ...forwarded, 'x-forwarded-for': '198.51.100.1, 10.9.9.9, 203.0.113.9, 10.0.1.20' }
    const answer = await app.inject({ url: '/me', headers, remoteAddress: '10.0.2.30' })
    expect(answer.json()).toEqual({ ip: '203.0.113.9', protocol: 'https', host: 'shop.test' })
  })

  it('a public peer is not believed', async () => {
    const { app } = await startHttp([whoAmI])
    const answer = await app.inject({
      url: '/me',
      headers: { ...forwarded, host: 'real.test' },
      remoteAddress: '203.0.113.50',
    })
    expect(answer.json()).toEqual({ ip: '203.0.113.50', protocol: 'http', host: 'real.test' })
  })
})

describe('under pressure', () => {
  it('requests are turned away with 503 and Retry-After, probes are not', async () => {
    const { app } = await startHttp([app => app.get('/orders', open, async () => [])], { maxEventLoopDelay: 10 })
    expect((await app.inject('/orders')).statusCode).toBe(200)
    const deadline = performance.now() + 5_000
    let answer = await app.inject('/orders')
    while (answer.statusCode === 200 && performance.now() < deadline) {
      block(100)
      await pause(1)
      answer = await app.inject('/orders')
    }
    expect(answer.json()).toMatchObject({ status: 503, code: 'overloaded' })
    expect(answer.headers['retry-after']).toBe('1')
    for (const url of ['/live', '/orders/ready', '/metrics']) expect((await app.inject(url)).statusCode).toBe(200)
  })
})

describe('a client that leaves before its answer', () => {
  it('is told apart from one that was answered', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>()
    const slow = (app: App) =>
      app.get('/slow', open, async () => {
        enter()
        return released
      })
    const { app, lines } = await startHttp([slow])
    const { url } = await listen(app)
    const leaving = new AbortController()
    const answer = fetch(`${url}/slow`, { signal: leaving.signal })
    await entered
    leaving.abort()
    await expect(answer).rejects.toThrow('abort')
    const line = await eventually(() => lines.find(each => each['path'] === '/slow'))
    expect(line).toMatchObject({ status: 499, level: 'info' })
    release()
  })
})

describe('closing', () => {
  it('lets a request in flight finish, then hangs up at once', async () => {
    let stopping = false
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>()
    const slow = (app: App) =>
      app.get('/slow', open, async () => {
        enter()
        await released
        return { done: true }
      })
    const { app } = await startHttp([slow], { isStopping: () => stopping })
    const { url } = await listen(app)
    const agent = keepAlive()
    const answer = get(`${url}/slow`, agent)
    await entered
    stopping = true
    const closed = app.close()
    await eventually(() => !app.server.listening)
    release()
    expect((await answer).body).toBe('{"done":true}')
    const releasedAt = performance.now()
    await closed
    expect(performance.now() - releasedAt).toBeLessThan(1_000)
  })

  it('serves what still comes on an open connection', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    let requests = 0
    const slow = (app: App) =>
      app.get('/slow', open, async () => {
        requests++
        await released
        return { done: true }
      })
    const { app } = await startHttp([slow])
    const { port } = await listen(app)
    const socket = net.connect(port, '127.0.0.1')
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => requests === 1)
    const closed = app.close()
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => requests === 2)
    release()
    let answers = ''
    for await (const chunk of socket) answers += String(chunk)
    expect(answers.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2)
    await closed
  })

  it('does not wait for connections that are idle or never sent anything', async () => {
    const { app } = await startHttp([])
    let connections = 0
    app.server.on('connection', () => connections++)
    const { port, url } = await listen(app)
    await get(`${url}/live`, keepAlive())
    const silent = net.connect(port, '127.0.0.1')
    onTestFinished(() => void silent.destroy())
    await eventually(() => connections === 2)
    const startedAt = performance.now()
    await app.close()
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  it('is announced, so that clients go elsewhere', async () => {
    let stopping = false
    const { app } = await startHttp([], { isStopping: () => stopping })
    const { url } = await listen(app)
    const agent = keepAlive()
    expect((await get(`${url}/live`, agent)).headers['connection']).toBe('keep-alive')
    stopping = true
    expect((await get(`${url}/live`, agent)).headers['connection']).toBe('close')
  })
})

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

function keepAlive(): http.Agent {
  const agent = new http.Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  return agent
}

async function get(url: string, agent: http.Agent): Promise<{ body: string; headers: http.IncomingHttpHeaders }> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  http.get(url, { agent }, resolve).on('error', reject)
  const response = await promise
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return { body, headers: response.headers }
}
