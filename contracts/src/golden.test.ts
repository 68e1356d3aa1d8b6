import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvent } from '@feira/contracts'
import { catalogue } from './catalogue.ts'
import { readGolden, review } from './golden.ts'

describe('the messages of the system', () => {
  const { breaks, unrecorded } = review(catalogue, readGolden())

  test('none has changed in a way that some reader would not survive', () => {
    expect(breaks, breaks.join('\n')).toEqual([])
  })

  test('what is new or has grown is recorded', () => {
    const types = [...unrecorded.keys()]
    expect(types, `run \`npm run golden -w contracts\` to record ${types.join(', ')}`).toEqual([])
  })

  test('there is one golden file for each', () => {
    expect(readGolden().size).toBe(catalogue.length)
    expect(catalogue.length).toBeGreaterThan(0)
  })
})

describe('a review', () => {
  const event = (schema: z.ZodObject, type = 'thing.changed') =>
    defineEvent(type, {
      owner: 'things',
      summary: 'A thing changed.',
      aggregate: { type: 'thing', id: 'thingId' as never },
      schema,
      example: {},
    })
  const plain = z.object({ thingId: z.uuid() })
  const recorded = (type?: string) => review([event(plain, type)], new Map()).unrecorded

  test('of what is recorded finds nothing', () => {
    expect(review([event(plain)], recorded())).toEqual({ breaks: [], unrecorded: new Map() })
  })

  test('wants a new message recorded', () => {
    expect([...recorded().keys()]).toEqual(['thing.changed'])
  })

  test('wants growth recorded, as the schema that it grew to', () => {
    const { breaks, unrecorded } = review([event(plain.extend({ note: z.string().optional() }))], recorded())
    expect(breaks).toEqual([])
    expect(unrecorded.get('thing.changed')).toHaveProperty('properties.note.type', 'string')
  })

  test.each([
    ['thing.changed', 'thing.changed.v2'],
    ['thing.changed.v2', 'thing.changed.v3'],
  ])('names each break of %s and points to %s', (type, next) => {
    const broken = event(z.object({ thingId: z.uuid().nullable(), more: z.int() }), type)
    const { breaks, unrecorded } = review([broken], recorded(type))
    expect(unrecorded.size).toBe(0)
    expect(breaks).toEqual([
      `${type} $.thingId: may now be null, which old readers refuse; define ${next} beside it instead`,
      `${type} $.more: was added as required, but old messages lack it (make it optional); define ${next} beside it instead`,
    ])
  })

  test('refuses that a message vanishes', () => {
    expect(review([], recorded()).breaks).toEqual([
      'thing.changed has vanished, but old messages still wait in queues: a message is never removed',
    ])
  })
})
