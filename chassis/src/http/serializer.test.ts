import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { open, startHttp } from './server.testing.ts'
import { compileSerializer } from './serializer.ts'

function serialize(schema: z.ZodType, value: unknown): unknown {
  return JSON.parse(compileSerializer({ schema, method: 'GET', url: '/' })(value))
}

describe('an answer', () => {
  it('leaves out what its schema does not name, at every level', () => {
    const schema = z.object({ id: z.string(), lines: z.array(z.object({ sku: z.string() })) })
    const row = { id: '1', secret: 's', lines: [{ sku: 'a', cost: 1 }] }
    expect(serialize(schema, row)).toEqual({ id: '1', lines: [{ sku: 'a' }] })
  })

  it('leaves it out in named, nullable and recursive schemas too', () => {
    const leaf = z.object({ id: z.int() }).meta({ id: 'SerializerTestLeaf' })
    const tree = z.object({
      leaf: leaf.nullable(),
      get children() {
        return z.array(tree)
      },
    })
    const row = { leaf: { id: 1, x: 1 }, children: [{ leaf: null, children: [], x: 1 }], x: 1 }
    expect(serialize(tree, row)).toEqual({ leaf: { id: 1 }, children: [{ leaf: null, children: [] }] })
  })

  it('writes null where it may stand', () => {
    const schema = z.object({
      a: z.string().nullable(),
      b: z.date().nullable(),
      c: z.array(z.int()).nullish(),
      d: z.enum(['x']).nullable(),
    })
    expect(serialize(schema, { a: null, b: null, c: null, d: null })).toEqual({ a: null, b: null, c: null, d: null })
    expect(serialize(schema, { a: 'a', b: new Date(0), d: 'x' })).toEqual({
      a: 'a',
      b: '1970-01-01T00:00:00.000Z',
      d: 'x',
    })
  })

  it('picks the alternative of a union that fits, though the row holds more', () => {
    const schema = z.array(
      z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('card'), last4: z.string() }),
        z.object({ kind: z.literal('transfer'), at: z.date() }),
      ]),
    )
    const rows = [
      { kind: 'card', last4: '1234', pan: 'secret' },
      { kind: 'transfer', at: new Date(0) },
    ]
    expect(serialize(schema, rows)).toEqual([
      { kind: 'card', last4: '1234' },
      { kind: 'transfer', at: '1970-01-01T00:00:00.000Z' },
    ])
    const scalar = z.object({ value: z.union([z.string(), z.number(), z.null()]) })
    expect([1, 'a', null].map(value => serialize(scalar, { value }))).toEqual([
      { value: 1 },
      { value: 'a' },
      { value: null },
    ])
  })

  it('writes records, open objects and unknown values as they are', () => {
    const schema = z.object({
      counts: z.record(z.string(), z.int()),
      open: z.looseObject({ a: z.int() }),
      any: z.unknown(),
    })
    const row = { counts: { x: 1 }, open: { a: 1, b: 2 }, any: { deep: [1] } }
    expect(serialize(schema, row)).toEqual(row)
  })

  it('escapes text', () => {
    const schema = z.object({ text: z.string(), at: z.iso.datetime() })
    const row = { text: '"\\\n\u2028é😀', at: '2026-11-21T12:00:00.000Z' }
    expect(serialize(schema, row)).toEqual(row)
  })

  it('without a required field is a fault of ours, answered without saying so', async () => {
    const { app, lines } = await startHttp([
      app =>
        app.get(
          '/orders',
          { ...open, schema: { response: { 200: z.object({ id: z.string() }) } } },
          async () => ({}) as { id: string },
        ),
    ])
    const answer = await app.inject('/orders')
    expect(answer.statusCode).toBe(500)
    expect(answer.body).not.toContain('required')
    expect(lines.find(line => line['level'] === 'error')).toMatchObject({ err: { message: '"id" is required!' } })
  })
})
