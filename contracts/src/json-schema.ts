import { z } from 'zod'
import type { Message } from '@feira/contracts'

/** A JSON Schema of draft 2020-12, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * What travels as the body of `message`, as JSON Schema.
 * @throws when the schema cannot be written as JSON, for example because it transforms or holds a `Date`.
 */
export function jsonSchemaOf(message: Message): JsonSchema {
  const { $schema, ...body } = z.toJSONSchema(message.schema, {
    target: 'draft-2020-12',
    io: 'output',
    override: ({ zodSchema, jsonSchema }) => {
      if (ignoresUnknownFields(zodSchema)) delete jsonSchema.additionalProperties
    },
  })
  const { type, summary, owner, kind, aggregate, example } = message
  return {
    $schema,
    title: type,
    description: summary,
    'x-owner': owner,
    'x-kind': kind,
    'x-aggregate': aggregate,
    examples: [example],
    ...body,
  }
}

// zod writes `additionalProperties: false` for what a parsed object holds; a reader of `z.object` accepts and drops more.
function ignoresUnknownFields(schema: z.core.$ZodTypes): boolean {
  return schema._zod.def.type === 'object' && schema._zod.def.catchall === undefined
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Follows `$ref` inside `root`; keywords beside the reference are kept. */
export function dereference(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const { $ref, ...siblings } = schema
  if (typeof $ref !== 'string') return schema
  return dereference({ ...atPointer(root, $ref), ...siblings }, root)
}

function atPointer(root: JsonSchema, ref: string): JsonSchema {
  let place: unknown = root
  for (const step of ref.split('/').slice(1)) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
    place = isSchema(place) ? place[key] : undefined
  }
  if (!ref.startsWith('#') || !isSchema(place)) throw new Error(`${ref} leads nowhere in this schema`)
  return place
}

/** The many ways to write "or null", "one of these" and "exactly this value" brought to one. */
export function normalise(schema: JsonSchema): { readonly schema: JsonSchema; readonly nullable: boolean } {
  const { const: constant, oneOf, ...rest } = schema
  const values = constant === undefined ? {} : { enum: [constant] }
  const choices = oneOf === undefined ? {} : { anyOf: oneOf }
  const plain = { ...rest, ...values, ...choices }
  return withoutNullType(plain) ?? withoutNullBranch(plain) ?? { schema: plain, nullable: false }
}

function withoutNullType(schema: JsonSchema) {
  const { type } = schema
  if (!Array.isArray(type) || !type.includes('null')) return undefined
  const others: unknown[] = type.filter(name => name !== 'null')
  const values = Array.isArray(schema['enum']) ? { enum: schema['enum'].filter(value => value !== null) } : {}
  return { schema: { ...schema, ...values, type: others.length === 1 ? others[0] : others }, nullable: true }
}

function withoutNullBranch(schema: JsonSchema) {
  const { anyOf, ...siblings } = schema
  if (!Array.isArray(anyOf)) return undefined
  const others = anyOf.filter(isSchema).filter(branch => branch['type'] !== 'null')
  if (others.length === anyOf.length) return undefined
  const [only] = others
  const inner = only && others.length === 1 ? { ...only, ...siblings } : { ...siblings, anyOf: others }
  return { schema: inner, nullable: true }
}
