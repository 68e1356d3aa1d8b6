import fastJson from 'fast-json-stringify'
import type { FastifySerializerCompiler } from 'fastify'
import { z } from 'zod'

type Serialize = (value: unknown) => string
type JsonSchema = Record<string, unknown>

const compiled = new WeakMap<z.ZodType, Serialize>()

/**
 * Writes answers by their zod schema, turned into a compiled serializer once: fields that the schema does not name are
 * left out, dates are written in ISO 8601, a missing field or an unmatched union throws (and is answered with 500). It
 * does not run refinements: an answer is our own data.
 */
export const compileSerializer: FastifySerializerCompiler<z.ZodType> = ({ schema }) => {
  const serialize = compiled.get(schema) ?? (fastJson(serializable(schema)) as Serialize)
  compiled.set(schema, serialize)
  return serialize
}

function serializable(schema: z.ZodType): fastJson.AnySchema {
  const json = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'output',
    unrepresentable: 'any',
    reused: 'inline',
    // An empty registry: named schemas are inlined too.
    metadata: z.registry<Record<string, never>>(),
    override: ({ zodSchema, jsonSchema }) => {
      describeDate(zodSchema, jsonSchema)
      loosen(jsonSchema)
    },
  })
  return json as fastJson.AnySchema
}

/** JSON Schema has no dates; ours travel as strings in ISO 8601. */
export function describeDate(zodSchema: z.core.$ZodType, jsonSchema: JsonSchema): void {
  if (zodSchema._zod.def.type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' })
}

function loosen(jsonSchema: JsonSchema): void {
  // Rows carry more than the answer shows: that must not make them fit no alternative of a union.
  if (jsonSchema['additionalProperties'] === false) delete jsonSchema['additionalProperties']
  // Compiled to a comparison with null, where a union would validate each alternative.
  const alternatives = jsonSchema['anyOf']
  if (Array.isArray(alternatives)) nullableAlternative(jsonSchema, alternatives as JsonSchema[])
  const type = jsonSchema['type']
  if (Array.isArray(type) && type.length === 2 && type.includes('null')) {
    Object.assign(jsonSchema, { type: type.find(name => name !== 'null') as unknown, nullable: true })
  }
}

function nullableAlternative(jsonSchema: JsonSchema, alternatives: readonly JsonSchema[]): void {
  const [first, ...others] = alternatives.filter(alternative => alternative['type'] !== 'null')
  if (alternatives.length !== 2 || !first || others.length > 0 || '$ref' in first) return
  delete jsonSchema['anyOf']
  Object.assign(jsonSchema, first, { nullable: true })
}
