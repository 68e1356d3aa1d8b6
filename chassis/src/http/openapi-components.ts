import { z } from 'zod'
import { describeDate } from './serializer.ts'

export type Json = Record<string, unknown>
export type Io = 'input' | 'output'

/** Collects the named schemas of one document; what is read and what is written may differ and then gets a number. */
export class Components {
  readonly schemas: Record<string, Json> = {}
  readonly #sources = new Map<string, string>()

  /**
   * The JSON Schema of `schema`, or a reference to it.
   * @param name of an object without one: in generated clients every object is a type.
   */
  refer(schema: z.ZodType, io: Io, name?: string): Json {
    const {
      $schema: _,
      $defs = {},
      ...json
    } = z.toJSONSchema(schema, {
      target: 'draft-2020-12',
      io,
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => simplify(zodSchema, jsonSchema, io),
    }) as Json & { $defs?: Record<string, Json> }
    const names = new Map(Object.entries($defs).map(([given, source]) => [given, this.#nameFor(given, source)]))
    for (const [given, source] of Object.entries($defs))
      this.schemas[names.get(given) ?? given] = redirect(source, names)
    const redirected = redirect(json, names)
    return name === undefined || json['type'] !== 'object' ? redirected : this.#add(name, redirected)
  }

  /** The JSON Schema of `schema` itself, also when it has a name. */
  inline(schema: z.ZodType, io: Io): Json {
    const json = this.refer(schema, io)
    const name = typeof json['$ref'] === 'string' ? json['$ref'].replace('#/components/schemas/', '') : undefined
    return (name === undefined ? undefined : this.schemas[name]) ?? json
  }

  #add(wanted: string, json: Json): Json {
    const name = this.#nameFor(wanted, json)
    this.schemas[name] = json
    return { $ref: `#/components/schemas/${name}` }
  }

  #nameFor(name: string, source: Json): string {
    const text = JSON.stringify(source)
    for (let number = 1; ; number++) {
      const candidate = number === 1 ? name : `${name}${number}`
      const taken = this.#sources.get(candidate)
      if (taken !== undefined && taken !== text) continue
      this.#sources.set(candidate, text)
      return candidate
    }
  }
}

function redirect(json: Json, names: ReadonlyMap<string, string>): Json {
  return JSON.parse(JSON.stringify(json), (key, value: unknown) => {
    if (key !== '$ref' || typeof value !== 'string') return value
    const name = value.replace('#/$defs/', '')
    return `#/components/schemas/${names.get(name) ?? name}`
  }) as Json
}

/** Says in the document what readers and generators of clients look for, where zod says it in the words of a validator. */
function simplify(zodSchema: z.core.$ZodType, jsonSchema: Json, io: Io): void {
  describeDate(zodSchema, jsonSchema)
  // zod takes examples to be of what a schema makes; those of a body are of what is sent.
  const { examples } = z.globalRegistry.get(zodSchema) ?? {}
  if (io === 'input' && examples !== undefined) jsonSchema['examples'] = examples
  // The regular expressions that zod has for its own formats.
  if (zodSchema._zod.def.type === 'string' && zodFormats.has(jsonSchema['format'])) delete jsonSchema['pattern']
  // What every integer of JavaScript is.
  if (jsonSchema['minimum'] === Number.MIN_SAFE_INTEGER) delete jsonSchema['minimum']
  if (jsonSchema['maximum'] === Number.MAX_SAFE_INTEGER) delete jsonSchema['maximum']
  nameKeys(jsonSchema)
}

const zodFormats = new Set<unknown>(['uuid', 'email', 'date', 'date-time'])

// A record whose keys are an enum has all of them: they are its properties.
function nameKeys(jsonSchema: Json): void {
  const { propertyNames, additionalProperties: value, required } = jsonSchema
  const keys = (propertyNames as Json | undefined)?.['enum']
  if (!Array.isArray(keys) || !Array.isArray(required)) return
  jsonSchema['properties'] = Object.fromEntries(keys.map(key => [key, structuredClone(value)]))
  jsonSchema['additionalProperties'] = false
  delete jsonSchema['propertyNames']
}
