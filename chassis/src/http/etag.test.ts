import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { App } from '../service.ts'
import { requireMatch, versioned } from './etag.ts'
import { open, startHttp } from './server.testing.ts'

const order = z.object({ id: z.string() })
const routes = (app: App) => {
  app.get('/order', { ...open, schema: { response: { 200: order } } }, async (request, reply) =>
    versioned(request, reply, 3, { id: 'a' }),
  )
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
