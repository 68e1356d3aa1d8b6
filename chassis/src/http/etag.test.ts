import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { App } from '../service.ts'
import { isUnchanged, requireMatch, versioned } from './etag.ts'
import { open, startHttp } from './server.testing.ts'

const order = z.object({ id: z.string() })
const routes = (app: App) => {
  app.get('/order', { ...open, schema: { response: { 200: order } } }, async (request, reply) =>
    versioned(request, reply, 3, { id: 'a' }),
  )
  app.get('/costly', open, async (request, reply) => {
    if (isUnchanged(request, reply, 'f00')) return reply.send()
    return reply.send({ made: true })
  })
  app.patch('/order', open, async request => {
    requireMatch(request, 3)
    return { changed: true }
  })
}

describe('If-None-Match', () => {
  it.each(['"3"', 'W/"3"', '"1", W/"3"', '*'])('%s is answered 304 without a body', async header => {
    const { app } = await startHttp([routes])
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(`${url}/order`, { method, headers: { 'if-none-match': header } })
      expect(answer.status).toBe(304)
      expect(answer.headers.get('etag')).toBe('"3"')
      expect(answer.headers.get('content-type')).toBeNull()
      expect(await answer.text()).toBe('')
    }
  })

  it.each(['"2"', 'W/"4"', '3', '"33"', ''])('%j is answered in full', async header => {
    const { app } = await startHttp([routes])
    const answer = await app.inject({ url: '/order', headers: { 'if-none-match': header } })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['etag']).toBe('"3"')
    expect(answer.json()).toEqual({ id: 'a' })
  })
})

it('a body that is costly to make is not made for who holds it', async () => {
  const { app } = await startHttp([routes])
  const first = await app.inject('/costly')
  expect(first.json()).toEqual({ made: true })
  const again = await app.inject({ url: '/costly', headers: { 'if-none-match': String(first.headers.etag) } })
  expect({ status: again.statusCode, body: again.body, etag: again.headers.etag }).toEqual({
    status: 304,
    body: '',
    etag: '"f00"',
  })
})

describe('If-Match', () => {
  it.each([undefined, '"3"', '"1","3"', '*'])('%j lets the change through', async header => {
    const { app } = await startHttp([routes])
    const headers = header === undefined ? {} : { 'if-match': header }
    expect((await app.inject({ method: 'PATCH', url: '/order', headers })).statusCode).toBe(200)
  })

  it.each(['"2"', 'W/"3"', '3', ''])('%j stops it, saying what the tag is now', async header => {
    const { app } = await startHttp([routes])
    const answer = await app.inject({ method: 'PATCH', url: '/order', headers: { 'if-match': header } })
    expect(answer.statusCode).toBe(412)
    expect(answer.json()).toMatchObject({ code: 'precondition-failed' })
    expect(answer.headers['etag']).toBe('"3"')
  })
})
