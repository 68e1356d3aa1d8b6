import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineCommand, defineEvent } from '@feira/contracts'
import { departures } from './conventions.ts'

const schema = z.object({ thingId: z.uuid(), version: z.int() })
const example = { thingId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d', version: 1 }
const sound = {
  owner: 'things',
  summary: 'A thing changed.',
  aggregate: { type: 'thing', id: 'thingId', version: 'version' },
  schema,
  example,
} as const

/** An event that is sound but for its payload's `value`. */
function holding(fields: z.ZodRawShape) {
  return defineEvent('thing.changed', { ...sound, schema: schema.extend(fields) } as unknown as typeof sound)
}

describe('what keeps to the conventions', () => {
  test.each(['thing.changed', 'thing.changed.v2', 'invoice.paid', 'stock.adjustment-refused', 'sms2.sent'])(
    'event %s',
    type => {
      expect(departures(defineEvent(type, sound))).toEqual([])
    },
  )

  test('a command in the imperative', () => {
    expect(departures(defineCommand('stock.reserve', sound))).toEqual([])
  })

  test.each<[string, z.ZodRawShape]>([
    ['cents', { totalCents: z.int() }],
    ['nullable cents', { totalCents: z.int().nullable() }],
    ['a uuid', { orderId: z.uuid().optional() }],
    ['a moment', { paidAt: z.iso.datetime().nullable() }],
    ['a word that only looks like an id or a moment', { paid: z.boolean(), format: z.string(), grid: z.string() }],
    ['a loose object', { rest: z.looseObject({}) }],
  ])('%s', (_name, fields) => {
    expect(departures(holding(fields))).toEqual([])
  })
})

describe('what departs from them is named', () => {
  test.each([
    'thing',
    'thing.',
    'Thing.changed',
    'thing_a.changed',
    'a.b.changed',
    'thing.changed.v1',
    'thing.changed.2',
  ])('the type %s', type => {
    expect(departures(defineEvent(type, sound)).join()).toContain('a type is two kebab-case words')
  })

  test('an event that is not in the past tense', () => {
    expect(departures(defineEvent('thing.change', sound))).toEqual(['thing.change: an event ends in the past tense'])
  })

  test('an owner that is not kebab-case', () => {
    const message = defineEvent('thing.changed', { ...sound, owner: 'Things' })
    expect(departures(message)).toEqual(['thing.changed: the owner Things is not kebab-case'])
  })

  test('an aggregate that the payload does not hold', () => {
    const aggregate = { type: 'thing', id: 'nowhere', version: 'thingId' } as unknown as typeof sound.aggregate
    expect(departures(defineEvent('thing.changed', { ...sound, aggregate }))).toEqual([
      "thing.changed: the aggregate's id nowhere is not a string of the schema",
      "thing.changed: the aggregate's version thingId is not an integer of the schema",
    ])
  })

  test.each<[string, z.ZodRawShape, string]>([
    ['cents with a fraction', { totalCents: z.number() }, '$.totalCents must be an integer: it counts cents'],
    ['cents as text', { totalCents: z.string() }, '$.totalCents must be an integer: it counts cents'],
    ['money', { unitPrice: z.int() }, '$.unitPrice is money: count it in cents and end its name in Cents'],
    ['an id', { userId: z.string() }, '$.userId must be a uuid'],
    ['a moment', { paidAt: z.string() }, '$.paidAt must be an ISO 8601 date and time'],
    ['a strict object', { a: z.strictObject({}) }, '$.a must not be strict: a reader ignores what it does not know'],
    ['in an array', { a: z.array(z.object({ id: z.string() })) }, '$.a[].id must be a uuid'],
    ['in a tuple', { a: z.tuple([z.object({ id: z.string() })]) }, '$.a[].id must be a uuid'],
    ['in a record', { a: z.record(z.string(), z.object({ id: z.string() })) }, '$.a.*.id must be a uuid'],
    ['in a union', { a: z.union([z.int(), z.object({ id: z.string() })]) }, '$.a.id must be a uuid'],
    ['under nullable', { a: z.object({ id: z.string() }).nullable() }, '$.a.id must be a uuid'],
  ])('%s', (_name, fields, expected) => {
    expect(departures(holding(fields))).toEqual([`thing.changed: ${expected}`])
  })

  test('in a recursive payload, once', () => {
    const node: z.ZodType = z.object({ id: z.string(), children: z.array(z.lazy(() => node)) })
    expect(departures(holding({ a: node }))).toContain('thing.changed: $.a.id must be a uuid')
  })
})
