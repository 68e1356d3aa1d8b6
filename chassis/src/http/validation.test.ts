import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { App } from '../service.ts'
import { open, startHttp } from './server.testing.ts'

const order = z.strictObject({
  items: z.array(z.strictObject({ quantity: z.int().positive() })).min(1),
  pay: z
    .union([z.strictObject({ card: z.string() }), z.strictObject({ iban: z.string(), name: z.string() })])
    .optional(),
  note: z.string().default('none'),
  tip: z.union([z.number(), z.string()], 'must be a number or a numeric string').optional(),
})
const routes = (app: App) => {
  app.post('/orders/:id', {
    ...open,
    schema: {
      body: order,
      params: z.object({ id: z.uuid() }),
      querystring: z.strictObject({ dry: z.enum(['yes']).optional() }),
    },
    handler: async request => request.body,
  })
}
const id = '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d'

async function errorsOf(payload: object, url = `/orders/${id}`) {
  const { app } = await startHttp([routes])
  const answer = await app.inject({ method: 'POST', url, payload })
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request' })
  return answer.json<{ errors: { in: string; field: string; message: string }[] }>().errors
}

describe('an invalid request', () => {
  it('is answered with every offending field, by dotted path', async () => {
    const errors = await errorsOf({ items: [{ quantity: 'x' }, { quantity: 0 }] })
    expect(errors.map(error => error.field)).toEqual(['items.0.quantity', 'items.1.quantity'])
    expect(errors.every(error => error.in === 'body')).toBe(true)
  })

  it('names unknown fields themselves', async () => {
    expect(await errorsOf({ items: [{ quantity: 1, colour: 'red' }], total: 5 })).toEqual([
      { in: 'body', field: 'items.0.colour', message: 'is not a known field' },
      { in: 'body', field: 'total', message: 'is not a known field' },
    ])
  })

  it('names the fields of the nearest alternative of a union', async () => {
    const errors = await errorsOf({ items: [{ quantity: 1 }], pay: { iban: 'x' } })
    expect(errors.map(error => error.field)).toEqual(['pay.name'])
  })

  it('says of a value that no alternative understands what the union says of itself', async () => {
    const errors = await errorsOf({ items: [{ quantity: 1 }], tip: {} })
    expect(errors).toEqual([{ in: 'body', field: 'tip', message: 'must be a number or a numeric string' }])
  })

  it('names what is wrong in path and query', async () => {
    expect(await errorsOf({ items: [{ quantity: 1 }] }, '/orders/7')).toMatchObject([{ in: 'path', field: 'id' }])
    expect(await errorsOf({ items: [{ quantity: 1 }] }, `/orders/${id}?dry=no&wet=1`)).toMatchObject([
      { in: 'query', field: 'dry' },
      { in: 'query', field: 'wet' },
    ])
  })

  it('is answered briefly however wrong it is', async () => {
    const errors = await errorsOf({ items: Array.from({ length: 500 }, () => ({})), ['x'.repeat(5_000)]: 1 })
    expect(errors).toHaveLength(20)
    expect(
      Math.max(...(await errorsOf({ items: [{ quantity: 1 }], ['x'.repeat(5_000)]: 1 })).map(e => e.field.length)),
    ).toBe(201)
  })
})

it('hands the schema’s output to the handler', async () => {
  const { app } = await startHttp([routes])
  const answer = await app.inject({ method: 'POST', url: `/orders/${id}`, payload: { items: [{ quantity: 1 }] } })
  expect(answer.json()).toEqual({ items: [{ quantity: 1 }], note: 'none' })
})
