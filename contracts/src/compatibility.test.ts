// Long because it is two tables with a row for each kind of change.
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvent } from '@feira/contracts'
import { incompatibilities } from './compatibility.ts'
import { jsonSchemaOf } from './json-schema.ts'

/** The JSON Schema of an event whose payload holds `fields` beside its id. */
function holding(fields: z.ZodRawShape) {
  return jsonSchemaOf(
    defineEvent('thing.changed', {
      owner: 'things',
      summary: 'A thing changed.',
      aggregate: { type: 'thing', id: 'id' },
      schema: z.object({ id: z.string(), ...fields }),
      example: { id: 'x' },
    }),
  )
}

const both = (value: z.ZodType) => holding({ value })
const line = (more: z.ZodRawShape = {}) => z.object({ sku: z.string(), ...more })
const kind = (name: string, more: z.ZodRawShape = {}) => z.object({ kind: z.literal(name), ...more })
const optional = { note: z.string().optional() }
const withDefault = { note: z.string().default('') }
const tree = (more: z.ZodRawShape = {}) => {
  const node: z.ZodType = z.object({ name: z.string(), children: z.array(z.lazy(() => node)), ...more })
  return node
}

describe('growth that every reader survives', () => {
  test.each<[string, z.ZodType, z.ZodType]>([
    ['nothing', line(), line()],
    ['an optional field', line(), line(optional)],
    ['a field with a default', line(), line(withDefault)],
    ['a nullable optional field', line(), line({ note: z.string().nullish() })],
    ['in an array', z.array(line()), z.array(line(optional))],
    ['in a tuple', z.tuple([line(), z.int()]), z.tuple([line(optional), z.int()])],
    ['in a record', z.record(z.string(), line()), z.record(z.string(), line(optional))],
    ['under nullable', line().nullable(), line(optional).nullable()],
    ['in a union', z.union([line(), z.int()]), z.union([line(optional), z.int()])],
    [
      'in one branch of a discriminated union',
      z.discriminatedUnion('kind', [kind('a'), kind('b')]),
      z.discriminatedUnion('kind', [kind('a'), kind('b', optional)]),
    ],
    [
      'a union told apart by a field',
      z.union([kind('a'), kind('b')]),
      z.discriminatedUnion('kind', [kind('a'), kind('b')]),
    ],
    ['another order of a union', z.union([z.string(), z.int()]), z.union([z.int(), z.string()])],
    ['another order of overlapping branches', z.union([line(), line(optional)]), z.union([line(optional), line()])],
    ['another order of an enum', z.enum(['a', 'b']), z.enum(['b', 'a'])],
    ['a literal written as an enum', z.literal('a'), z.enum(['a'])],
    ['in an intersection', z.intersection(line(), kind('a')), z.intersection(line(optional), kind('a'))],
    ['in a recursive schema', tree(), tree(optional)],
    ['a description', z.string(), z.string().describe('What it is.')],
    ['a new field of any depth', line(), line({ more: line({ deeper: z.array(line()) }).optional() })],
  ])('%s', (_name, before, after) => {
    expect(incompatibilities(both(before), both(after))).toEqual([])
  })

  test('a reference is the same as what it refers to', () => {
    const inline = { properties: { a: { type: 'string' } } }
    const referred = { properties: { a: { $ref: '#/$defs/text' } }, $defs: { text: { type: 'string' } } }
    expect(incompatibilities(inline, referred)).toEqual([])
    expect(incompatibilities(referred, inline)).toEqual([])
  })

  test('null in a type, in an enum and in a union are the same', () => {
    const listed = { type: ['string', 'null'], enum: ['a', null] }
    const branched = { anyOf: [{ type: 'string', enum: ['a'] }, { type: 'null' }] }
    expect(incompatibilities(listed, branched)).toEqual([])
  })
})

describe('a break names its path and its reason', () => {
  test.each<[string, z.ZodType, z.ZodType, string[]]>([
    ['a field removed', line(optional), line(), ['$.value.note: was removed']],
    ['a required field removed', line({ n: z.int() }), line(), ['$.value.n: was removed']],
    [
      'a required field added',
      line(),
      line({ n: z.int() }),
      ['$.value.n: was added as required, but old messages lack it (make it optional)'],
    ],
    [
      'a required field with a quoted name added in an array',
      z.array(line()),
      z.array(line({ 'a-b': z.int() })),
      ['$.value[]["a-b"]: was added as required, but old messages lack it (make it optional)'],
    ],
    ['a field renamed', line({ a: z.int() }), line({ b: z.int().optional() }), ['$.value.a: was removed']],
    [
      'optional made required',
      line(optional),
      line({ note: z.string() }),
      ['$.value.note: became required, but old messages may lack it'],
    ],
    [
      'required made optional',
      line({ note: z.string() }),
      line(optional),
      ['$.value.note: became optional, but old readers need it'],
    ],
    [
      'a default taken away',
      line({ n: z.int().default(1) }),
      line({ n: z.int() }),
      ['$.value.n: became required, but old messages may lack it', '$.value.n: default was 1, is absent'],
    ],
    [
      'a default changed',
      line({ n: z.int().default(1) }),
      line({ n: z.int().default(2) }),
      ['$.value.n: default was 1, is 2'],
    ],
    ['retyped', z.string(), z.boolean(), ['$.value: type was "string", is "boolean"']],
    [
      'integer widened to number',
      z.int().min(0).max(9),
      z.number().min(0).max(9),
      ['$.value: type was "integer", is "number"'],
    ],
    [
      'an object made an array of it',
      line(),
      z.array(line()),
      [
        '$.value: type was "object", is "array"',
        '$.value.sku: was removed',
        '$.value: items was absent, is {"type":"object","properties":{"sku":{"type":"string"}},"required":["sku"]}',
      ],
    ],
    ['made nullable', z.string(), z.string().nullable(), ['$.value: may now be null, which old readers refuse']],
    ['no longer nullable', line().nullable(), line(), ['$.value: may no longer be null, as old messages are']],
    [
      'an enum value added',
      z.enum(['a']),
      z.enum(['a', 'b']),
      ['$.value: the value "b" was added, which old readers refuse'],
    ],
    ['an enum value removed', z.enum(['a', 'b']), z.enum(['a']), ['$.value: the value "b" was removed']],
    [
      'a literal changed',
      z.literal('a'),
      z.literal('b'),
      ['$.value: the value "a" was removed', '$.value: the value "b" was added, which old readers refuse'],
    ],
    ['an enum opened', z.enum(['a']), z.string(), ['$.value: enum was ["a"], is absent']],
    ['a text closed', z.string(), z.enum(['a']), ['$.value: enum was absent, is ["a"]']],
    ['a minimum raised', z.int().min(0), z.int().min(1), ['$.value: minimum was 0, is 1']],
    ['a minimum lowered', z.int().min(1), z.int().min(0), ['$.value: minimum was 1, is 0']],
    ['a maximum added', z.number(), z.number().max(5), ['$.value: maximum was absent, is 5']],
    ['a length narrowed', z.string().max(10), z.string().max(5), ['$.value: maxLength was 10, is 5']],
    ['a length widened', z.string().max(10), z.string().max(20), ['$.value: maxLength was 10, is 20']],
    ['an array bounded', z.array(z.int()), z.array(z.int()).max(3), ['$.value: maxItems was absent, is 3']],
    ['a pattern changed', z.string().regex(/^a/), z.string().regex(/^b/), ['$.value: pattern was "^a", is "^b"']],
    ['a multiple demanded', z.number(), z.number().multipleOf(5), ['$.value: multipleOf was absent, is 5']],
    ['a format lost', z.email({ pattern: /@/ }), z.string().regex(/@/), ['$.value: format was "email", is absent']],
    ['inside an array', z.array(z.string()), z.array(z.boolean()), ['$.value[]: type was "string", is "boolean"']],
    [
      'inside a record',
      z.record(z.string(), z.string()),
      z.record(z.string(), z.boolean()),
      ['$.value.*: type was "string", is "boolean"'],
    ],
    [
      "a record's keys",
      z.partialRecord(z.enum(['a']), z.string()),
      z.partialRecord(z.enum(['b']), z.string()),
      ['$.value: propertyNames was {"type":"string","enum":["a"]}, is {"type":"string","enum":["b"]}'],
    ],
    [
      'inside a tuple',
      z.tuple([z.string(), z.string()]),
      z.tuple([z.string(), z.boolean()]),
      ['$.value[1]: type was "string", is "boolean"'],
    ],
    [
      'under nullable',
      line().nullable(),
      line({ n: z.int() }).nullable(),
      ['$.value.n: was added as required, but old messages lack it (make it optional)'],
    ],
    [
      'an alternative added',
      z.union([z.string(), z.int().min(0).max(1)]),
      z.union([z.string(), z.int().min(0).max(1), z.boolean()]),
      ['$.value: newly accepts {"type":"boolean"}, which old readers refuse'],
    ],
    [
      'an alternative removed',
      z.union([z.string(), z.boolean(), line()]),
      z.union([z.string(), line()]),
      ['$.value: no longer accepts the alternative {"type":"boolean"}'],
    ],
    [
      'an alternative changed',
      z.discriminatedUnion('kind', [kind('a'), kind('b', { n: z.string() })]),
      z.discriminatedUnion('kind', [kind('b', { n: z.boolean() }), kind('a')]),
      ['$.value.n: type was "string", is "boolean"'],
    ],
    [
      'inside a recursive schema',
      tree({ n: z.string() }),
      tree({ n: z.boolean() }),
      ['$.value.n: type was "string", is "boolean"'],
    ],
    [
      'inside an intersection',
      z.intersection(z.union([kind('a'), kind('b')]), line()),
      z.intersection(z.union([kind('a'), kind('b')]), line({ n: z.int() })),
      ['$.value.n: was added as required, but old messages lack it (make it optional)'],
    ],
    [
      'a strict object grown',
      z.strictObject({ a: z.int() }),
      z.strictObject({ a: z.int(), ...optional }),
      ['$.value.note: was added to an object that defined what else it may hold (false)'],
    ],
    [
      'an object that let anything through grown',
      z.looseObject({ a: z.int() }),
      z.looseObject({ a: z.int(), ...optional }),
      ['$.value.note: was added to an object that defined what else it may hold ({})'],
    ],
    ['made strict', z.object({}), z.strictObject({}), ['$.value: additionalProperties was absent, is false']],
  ])('%s', (_name, before, after, expected) => {
    expect(incompatibilities(both(before), both(after))).toEqual(expected)
  })

  test('every break is reported, not only the first', () => {
    const before = holding({ a: z.string(), b: z.array(line()), c: z.int() })
    const after = holding({ a: z.boolean(), b: z.array(line({ n: z.int() })) })
    expect(incompatibilities(before, after)).toEqual([
      '$.a: type was "string", is "boolean"',
      '$.b[].n: was added as required, but old messages lack it (make it optional)',
      '$.c: was removed',
    ])
  })

  test('the aggregate of a message is part of it', () => {
    const before = { ...holding({}), 'x-aggregate': { type: 'thing', id: 'id', version: 'version' } }
    expect(incompatibilities(before, holding({}))).toEqual([
      '$: x-aggregate was {"type":"thing","id":"id","version":"version"}, is {"type":"thing","id":"id"}',
    ])
  })

  test('a change behind a reference is found from both sides', () => {
    const text = { properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { type: 'string' } } }
    const flag = { properties: { a: { $ref: '#/$defs/b' } }, $defs: { b: { type: 'boolean' } } }
    expect(incompatibilities(text, flag)).toEqual(['$.a: type was "string", is "boolean"'])
    expect(incompatibilities(flag, text)).toEqual(['$.a: type was "boolean", is "string"'])
  })

  test('a reference that leads nowhere is an error, not a match', () => {
    const lost = { properties: { a: { $ref: '#/$defs/missing' } } }
    expect(() => incompatibilities(lost, lost)).toThrow('#/$defs/missing leads nowhere')
  })

  test('a keyword that this comparison does not know may not change', () => {
    expect(incompatibilities({ minContains: 1 }, { minContains: 2 })).toEqual(['$: minContains was 1, is 2'])
  })
})
