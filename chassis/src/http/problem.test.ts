import { describe, expect, it } from 'vitest'
import { rejections, Rejection } from '../rejection.ts'
import type { App } from '../service.ts'
import { open, startHttp } from './server.testing.ts'
import { problem } from './problem.ts'

async function answerTo(error: unknown) {
  const fixture = await startHttp([
    app =>
      app.get('/orders/:id', open, async () => {
        throw error
      }),
  ])
  return { ...fixture, answer: await fixture.app.inject('/orders/1?token=s3cret') }
}

function withCode(code: string, message = 'connect to 10.0.0.5 as orders failed'): Error {
  return Object.assign(new Error(message), { code })
}

describe('a rejection', () => {
  it('is answered with its status, code, fields and headers, as RFC 9457 has it', async () => {
    const fields = [{ in: 'body', field: 'status', message: 'is paid' }] as const
    const rejection = new Rejection('invalid-transition', 409, 'A paid order cannot be cancelled.', {
      fields,
      headers: { 'retry-after': '7' },
    })
    const { answer, lines } = await answerTo(rejection)
    expect(answer.statusCode).toBe(409)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.headers['retry-after']).toBe('7')
    expect(problem.strict().parse(answer.json())).toEqual({
      type: 'urn:problem-type:orders:invalid-transition',
      title: 'Invalid transition',
      status: 409,
      detail: 'A paid order cannot be cancelled.',
      code: 'invalid-transition',
      errors: fields,
      instance: '/orders/1',
      traceId: answer.headers['x-trace-id'],
    })
    expect(lines.filter(line => line['level'] === 'error')).toEqual([])
  })
})

describe('an error of ours', () => {
  it.each([new Error('the password is hunter2'), 'a string', { an: 'object' }])(
    'gives nothing away: %s',
    async error => {
      const { answer, lines } = await answerTo(error)
      expect(answer.statusCode).toBe(500)
      expect(answer.headers['content-type']).toBe('application/problem+json')
      expect(answer.json()).toMatchObject({ code: 'internal-error', traceId: answer.headers['x-trace-id'] })
      expect(answer.body).not.toMatch(/hunter2|a string|an":/)
      expect(lines.find(line => line['level'] === 'error')).toHaveProperty('err')
    },
  )

  it('is logged with its message and stack', async () => {
    const { lines } = await answerTo(new Error('the relay is gone'))
    expect(lines.find(line => line['level'] === 'error')).toMatchObject({
      status: 500,
      err: { message: 'the relay is gone', stack: expect.stringContaining('problem.test.ts') as string },
    })
  })
})

describe('a dependency that is away', () => {
  it.each([
    withCode('ECONNREFUSED'),
    withCode('ECONNRESET'),
    withCode('57P01'),
    withCode('57P03'),
    withCode('53300'),
    withCode('08006'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Failed query', { cause: withCode('ECONNREFUSED') }),
  ])('is answered 503 with Retry-After and no details: %s', async error => {
    const { answer } = await answerTo(error)
    expect(answer.statusCode).toBe(503)
    expect(answer.json()).toMatchObject({ code: 'dependency-unavailable' })
    expect(answer.headers['retry-after']).toBe('1')
    expect(answer.body).not.toContain('10.0.0.5')
  })

  it('is not what a constraint of the database is', async () => {
    expect((await answerTo(withCode('23505'))).answer.statusCode).toBe(500)
  })
})

describe('a route', () => {
  const routes = (app: App) => {
    app.get('/orders/:id', open, async () => ({ ok: true }))
    app.patch('/orders/:id', open, async () => ({ ok: true }))
  }

  it('that does not exist is answered 404', async () => {
    const { app } = await startHttp([routes])
    const answer = await app.inject({
      method: 'POST',
      url: '/nowhere',
      payload: '{bad',
      headers: { 'content-type': 'application/json' },
    })
    expect(answer.json()).toMatchObject({ status: 404, code: 'route-not-found' })
  })

  it('that exists under other methods is answered 405, naming them', async () => {
    const { app } = await startHttp([routes])
    const answer = await app.inject({ method: 'DELETE', url: '/orders/7?x=1' })
    expect(answer.statusCode).toBe(405)
    expect(answer.json()).toMatchObject({ code: 'method-not-allowed' })
    expect(String(answer.headers['allow']).split(', ').toSorted()).toEqual(['GET', 'HEAD', 'PATCH'])
  })

  it('is found with and without a trailing slash, and by HEAD', async () => {
    const { app } = await startHttp([routes])
    expect((await app.inject('/orders/7/')).statusCode).toBe(200)
    expect((await app.inject('/ORDERS/7')).statusCode).toBe(404)
    const head = await app.inject({ method: 'HEAD', url: '/orders/7' })
    expect(head.statusCode).toBe(200)
    expect(head.body).toBe('')
  })
})

describe('a URL', () => {
  const routes = (app: App) => app.get('/orders/:id', open, async request => request.query)

  it.each([
    ['/orders/%ff', 400, 'malformed-url'],
    ['/orders/%zz', 400, 'malformed-url'],
    ['/orders/1?a=%ff', 400, 'malformed-url'],
    ['/orders/1?a=%', 400, 'malformed-url'],
    ['/%ff', 400, 'malformed-url'],
    [`/orders/${'x'.repeat(300)}`, 414, 'url-too-long'],
    [`/orders/1?a=${'x'.repeat(5_000)}`, 414, 'url-too-long'],
  ])('%s is refused', async (url, status, code) => {
    const { app, lines } = await startHttp([routes])
    const answer = await app.inject(url)
    expect(answer.statusCode).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.json()).toMatchObject({ code, status })
    expect(answer.headers['x-correlation-id']).toBeDefined()
    expect(lines.some(line => line['status'] === status)).toBe(true)
  })

  it.each([
    ['/orders/a%00b', 'path', 'id'],
    ['/orders/1?name=a%00b', 'query', 'name'],
    ['/orders/1?name=x&name=%00', 'query', 'name'],
    ['/orders/1?a%00=1', 'query', 'a\0'],
  ])('%j is refused, naming the field', async (url, part, field) => {
    const { app } = await startHttp([routes])
    const answer = await app.inject(url)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: part, field }] })
  })

  it('with encoded text is fine', async () => {
    const { app } = await startHttp([routes])
    expect((await app.inject('/orders/1?q=caf%C3%A9+%26')).json()).toEqual({ q: 'café &' })
  })
})

it('rejections shared by all services keep their headers', async () => {
  const { answer } = await answerTo(rejections.overloaded(3))
  expect(answer.statusCode).toBe(503)
  expect(answer.headers['retry-after']).toBe('3')
})
