import { METHODS, request } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Rejection } from '../rejection.ts'
import type { App } from '../service.ts'
import { annotate, currentFields, currentTrace } from '../telemetry/trace.ts'
import { unconventional } from '../telemetry/conventions.testing.ts'
import { eventually, open, startHttp } from './server.testing.ts'

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const seen: Record<string, string | undefined> = {}
const routes = (app: App) => {
  app.addHook('preHandler', async () => void (seen['hook'] = currentTrace()?.traceId))
  app.post('/orders/:id', { ...open, schema: { body: z.object({ fail: z.boolean().optional() }) } }, async request => {
    seen['handler'] = currentTrace()?.traceId
    await pause(1)
    seen['afterAwait'] = currentTrace()?.traceId
    annotate({ orderId: 'o-1' })
    if (request.body.fail) throw new Error('broken')
    return { correlationId: currentFields()?.['correlationId'] }
  })
  app.get('/conflict', open, async () => {
    throw new Rejection('conflict', 409, 'No.')
  })
}
const post = { method: 'POST', url: '/orders/7?token=s3cret', payload: {} } as const

describe('the correlation id', () => {
  it.each(['x-correlation-id', 'x-request-id'])(
    'is taken from %s, kept while handling, and given back',
    async header => {
      const { app } = await startHttp([routes])
      const answer = await app.inject({ ...post, headers: { [header]: 'abc-1' } })
      expect(answer.headers['x-correlation-id']).toBe('abc-1')
      expect(answer.json()).toEqual({ correlationId: 'abc-1' })
    },
  )

  it.each(['', 'a b', 'é', 'x'.repeat(129), 'a\tb'])('%j is replaced by a new one', async value => {
    const { app } = await startHttp([routes])
    const answer = await app.inject({ url: '/nowhere', headers: { 'x-correlation-id': value } })
    expect(answer.headers['x-correlation-id']).toMatch(/^[\da-f-]{36}$/)
  })
})

describe('the trace', () => {
  it('continues the caller’s, through hooks, body parsing, awaiting and errors', async () => {
    const { app } = await startHttp([routes])
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const body = JSON.stringify({ fail: true, padding: 'x'.repeat(200_000) })
    const headers = { traceparent: parent, 'content-type': 'application/json' }
    const answer = await fetch(`${url}/orders/7`, { method: 'POST', headers, body })
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    expect(seen).toEqual({ hook: traceId, handler: traceId, afterAwait: traceId })
    expect(await answer.json()).toMatchObject({ traceId })
    expect(answer.headers.get('x-trace-id')).toBe(traceId)
  })

  it('is new without a caller’s, and each request has its own', async () => {
    const { app } = await startHttp([routes])
    const answers = await Promise.all([app.inject(post), app.inject(post)])
    const ids = answers.map(answer => answer.headers['x-trace-id'])
    expect(new Set(ids).size).toBe(2)
    expect(currentTrace()).toBeUndefined()
  })

  it('has a server span by the semantic conventions', async () => {
    const { app, spans } = await startHttp([routes])
    const answer = await app.inject({
      ...post,
      headers: { traceparent: parent, host: 'api.test:8443', 'user-agent': 'curl' },
    })
    const span = await eventually(() => spans[0])
    const { traceId, spanId } = span.spanContext()
    expect(span.name).toBe('POST /orders/:id')
    expect(span.parentSpanContext?.spanId).toBe('b7ad6b7169203331')
    expect(answer.headers['traceresponse']).toBe(`00-${traceId}-${spanId}-01`)
    expect(span.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'http.route': '/orders/:id',
      'url.path': '/orders/7',
      'url.scheme': 'http',
      'server.address': 'api.test',
      'server.port': 8443,
      'user_agent.original': 'curl',
      'network.protocol.version': '1.1',
    })
    expect(unconventional(spans)).toEqual([])
    expect(JSON.stringify(span.attributes)).not.toContain('s3cret')
  })

  it('is named by no method that a client made up', async () => {
    const { app, spans } = await startHttp([routes])
    await app.inject({ method: 'PROPFIND' as 'GET', url: '/orders/7' })
    const span = await eventually(() => spans[0])
    expect(span.name).toBe('HTTP')
    expect(span.attributes).toMatchObject({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'PROPFIND',
    })
  })

  it.each([
    ['is not there', '/nothing', {}, 404],
    ['is malformed', '/%zz', {}, 400],
    ['fails', '/orders/7', { method: 'POST', payload: { fail: true } }, 500],
  ] as const)('is told to the client of a request that %s', async (_what, url, how, status) => {
    const { app } = await startHttp([routes])
    const answer = await app.inject({ url, ...how, headers: { traceparent: parent } })
    expect(answer.statusCode).toBe(status)
    expect(answer.headers['x-trace-id']).toBe('0af7651916cd43dd8448eb211c80319c')
    expect(answer.headers['traceresponse']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/)
  })

  it('fails by errors of ours alone', async () => {
    const { app, spans } = await startHttp([routes])
    await app.inject({ ...post, payload: { fail: true } })
    await app.inject('/conflict')
    await eventually(() => spans.length === 2)
    expect(spans.map(span => [span.name, span.status])).toEqual([
      ['POST /orders/:id', { code: 2, message: 'broken' }],
      ['GET /conflict', { code: 0 }],
    ])
  })
})

describe('the access log', () => {
  it('has one line per request, with its route, ids and what the handler noted, without the query', async () => {
    const { app, lines } = await startHttp([routes])
    await app.inject({ ...post, headers: { 'x-correlation-id': 'abc-1', traceparent: parent } })
    const line = await eventually(() => lines.find(each => each['path']))
    expect(line).toMatchObject({
      level: 'info',
      method: 'POST',
      route: '/orders/:id',
      path: '/orders/7',
      status: 200,
      durationMs: expect.any(Number) as number,
      correlationId: 'abc-1',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      orderId: 'o-1',
    })
    expect(JSON.stringify(lines)).not.toContain('s3cret')
    expect(lines.filter(each => each['path'])).toHaveLength(1)
  })

  it('tells errors of ours at error, the client’s at info', async () => {
    const { app, lines } = await startHttp([routes])
    await app.inject({ ...post, payload: { fail: true } })
    await app.inject('/conflict')
    await eventually(() => lines.filter(line => line['path']).length === 2)
    expect(lines.filter(line => line['path']).map(line => [line['status'], line['level']])).toEqual([
      [500, 'error'],
      [409, 'info'],
    ])
  })
})

describe('the metrics', () => {
  it('count by method, route pattern and status', async () => {
    const { app, metrics, lines } = await startHttp([routes])
    await app.inject(post)
    await app.inject({ ...post, url: '/orders/8' })
    await app.inject('/wp-admin.php')
    await eventually(() => lines.filter(line => line['path']).length === 3)
    const text = await metrics.metrics()
    expect(text).toContain('http_request_duration_seconds_count{method="POST",route="/orders/:id",status="200"} 2')
    expect(text).toContain('http_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 1')
    expect(text).not.toContain('wp-admin')
  })

  it('know few methods, whatever clients use', async () => {
    const { app, metrics, lines } = await startHttp([routes])
    const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
    // CONNECT asks for no answer but a tunnel.
    const methods = METHODS.filter(method => method !== 'CONNECT')
    expect(methods.length).toBeGreaterThan(30)
    for (const path of ['/orders/7', '/nowhere', '/%zz'])
      await Promise.all(methods.map(method => ask(url, method, path)))
    await eventually(() => lines.filter(line => line['path']).length === 3 * methods.length)
    const values = (await metrics.getSingleMetric('http_request_duration_seconds')?.get())?.values ?? []
    const labels = (name: string) => [...new Set(values.map(each => String(each.labels[name as never])))].toSorted()
    expect(labels('method')).toEqual(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', '_OTHER'])
    expect(labels('route')).toEqual(['/orders/:id', 'unmatched'])
  })

  it('name the pattern also of what was not found there', async () => {
    const missing = (app: App) =>
      app.get('/things/:id', open, async () => {
        throw new Rejection('thing-not-found', 404, 'There is no such thing.')
      })
    const { app, metrics } = await startHttp([missing])
    await app.inject('/things/7')
    const line = 'http_request_duration_seconds_count{method="GET",route="/things/:id",status="404"} 1'
    expect(await eventually(async () => (await metrics.metrics()).includes(line))).toBe(true)
  })

  it('tell the requests in flight', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    let entered = 0
    const slow = (app: App) =>
      app.get('/slow', open, async () => {
        entered++
        return released
      })
    const { app, metrics } = await startHttp([slow])
    const inFlight = async () => (await metrics.getSingleMetricAsString('http_requests_in_flight')).split('\n').at(-1)
    const answers = [app.inject('/slow'), app.inject('/slow')]
    await eventually(() => entered === 2)
    expect(await inFlight()).toBe('http_requests_in_flight 2')
    release()
    await Promise.all(answers)
    await eventually(async () => (await inFlight()) === 'http_requests_in_flight 0')
  })

  it('leave out how long a stream of events lasts, and its client may leave as it likes', async () => {
    const stream = (app: App) =>
      app.get('/events', open, (_request, reply) => {
        const events = new Readable({ read() {} })
        events.push(': hello\n\n')
        return reply.type('text/event-stream').send(events)
      })
    const { app, metrics, lines } = await startHttp([stream])
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const { body } = await fetch(`${url}/events`)
    await body?.cancel()
    expect(await eventually(() => lines.find(line => line['path']))).toMatchObject({ status: 200 })
    const text = await metrics.metrics()
    expect(text).toContain('http_requests_in_flight 0')
    expect(text).not.toContain('/events')
  })
})

/** Sends a request of any method, and waits for the end of its answer. */
function ask(url: URL, method: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = url
    request({ hostname, port, method, path }, answer => answer.resume().once('end', resolve))
      .once('error', reject)
      .end()
  })
}
