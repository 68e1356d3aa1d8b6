import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { App } from '../service.ts'
import { open, startHttp } from './server.testing.ts'
import { decodeCursor, encodeCursor, page, pageOf, pageQuery } from './pagination.ts'

const rows = Array.from({ length: 45 }, (_, index) => ({ id: index + 1, hidden: true }))
const list = (app: App) => {
  app.get('/orders', {
    ...open,
    schema: { querystring: z.strictObject(pageQuery), response: { 200: pageOf(z.object({ id: z.int() })) } },
    handler: async request => {
      const { limit, cursor } = request.query
      const [after] = decodeCursor(cursor, z.tuple([z.int()])) ?? [0]
      return page(rows.filter(row => row.id > after).slice(0, limit + 1), limit, row => [row.id])
    },
  })
}

describe('a list', () => {
  it('is read to its end by following cursors, each item once', async () => {
    const { app } = await startHttp([list])
    const seen: number[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null; pages++) {
      expect(pages).toBeLessThan(10)
      const query: Record<string, string> = cursor === '' ? { limit: '15' } : { limit: '15', cursor }
      const answer = await app.inject({ url: '/orders', query })
      const body: { items: { id: number }[]; nextCursor: string | null } = answer.json()
      seen.push(...body.items.map(item => item.id))
      cursor = body.nextCursor
    }
    expect(seen).toEqual(rows.map(row => row.id))
  })

  it('has 20 items when nothing is asked, up to 100 when it is', async () => {
    const { app } = await startHttp([list])
    expect((await app.inject('/orders')).json()).toMatchObject({ items: { length: 20 } })
    expect((await app.inject('/orders?limit=100')).json()).toMatchObject({ items: { length: 45 }, nextCursor: null })
    expect((await app.inject('/orders?limit=1')).json()).toMatchObject({ items: [{ id: 1 }] })
  })

  it.each(['0', '101', 'abc', '1.5', '-1', '', '1e1', '0x10', '5&limit=6'])('refuses limit=%s', async limit => {
    const { app } = await startHttp([list])
    const answer = await app.inject(`/orders?limit=${limit}`)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({
      code: 'invalid-request',
      errors: [{ in: 'query', field: 'limit', message: 'must be a whole number from 1 to 100' }],
    })
  })

  it.each(['x', '', 'bnVsbA', encodeCursor(['text']), encodeCursor([1, 2]), 'x'.repeat(600)])(
    'refuses the cursor %j',
    async cursor => {
      const { app } = await startHttp([list])
      const answer = await app.inject({ url: '/orders', query: { cursor } })
      expect(answer.statusCode).toBe(400)
      expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'query', field: 'cursor' }] })
    },
  )
})

it.each(['\0', 'a\0b', '\ud800', 'x\udc00'])('refuses what no database takes: %j', text => {
  const refused = expect.objectContaining({ code: 'invalid-request' })
  expect(() => decodeCursor(encodeCursor([text]), z.array(z.unknown()))).toThrow(refused)
})

it('cursors come back as they went, and are fit for a URL', () => {
  const key = ['2026-11-21T12:00:00.000Z', 'ção?&=', null, 7]
  const cursor = encodeCursor(key)
  expect(cursor).toMatch(/^[\w-]+$/)
  expect(decodeCursor(cursor, z.array(z.unknown()))).toEqual(key)
  expect(decodeCursor(undefined, z.array(z.unknown()))).toBeUndefined()
})
