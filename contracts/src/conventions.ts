import type { Message } from '@feira/contracts'
import { dereference, isSchema, jsonSchemaOf, normalise } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/** A field somewhere in a message: its path, its own name, and its schema without "or null". */
interface Field {
  readonly path: string
  readonly name: string
  readonly schema: JsonSchema
}

const word = '[a-z][a-z0-9]*(?:-[a-z0-9]+)*'
const typePattern = new RegExp(`^${word}\\.(?<name>${word})(?:\\.v[2-9]\\d*)?$`)
/** Past participles, and the states that an event may announce. */
const participle = /(?:ed|paid|sent|sold|unavailable|snapshot)$/
const money = /(?:price|amount|total|cost|fee|tax|discount|balance)$/i

/** Where a message departs from the conventions of the contracts, one sentence each. */
export function departures(message: Message): string[] {
  return [...departuresOfType(message), ...departuresOfAggregate(message), ...departuresOfFields(message)].map(
    departure => `${message.type}: ${departure}`,
  )
}

function departuresOfType({ type, kind, owner }: Message): string[] {
  const name = typePattern.exec(type)?.groups?.['name']
  return [
    ...(name === undefined ? ['a type is two kebab-case words joined by a dot, then .v2 and so on'] : []),
    ...(kind === 'event' && name !== undefined && !participle.test(name) ? ['an event ends in the past tense'] : []),
    ...(new RegExp(`^${word}$`).test(owner) ? [] : [`the owner ${owner} is not kebab-case`]),
  ]
}

function departuresOfAggregate(message: Message): string[] {
  const { id, version } = message.aggregate
  const top = new Map(fieldsOf(message).map(field => [field.path, field.schema]))
  const idFits = top.get(`$.${id}`)?.['type'] === 'string'
  const versionFits = version === undefined || top.get(`$.${version}`)?.['type'] === 'integer'
  return [
    ...(idFits ? [] : [`the aggregate's id ${id} is not a string of the schema`]),
    ...(versionFits ? [] : [`the aggregate's version ${version} is not an integer of the schema`]),
  ]
}

function departuresOfFields(message: Message): string[] {
  return fieldsOf(message).flatMap(({ path, name, schema }) =>
    departuresOfField(name, schema).map(text => `${path} ${text}`),
  )
}

function departuresOfField(name: string, schema: JsonSchema): string[] {
  const { type, format } = schema
  const number = type === 'integer' || type === 'number'
  return [
    ...(name.endsWith('Cents') && type !== 'integer' ? ['must be an integer: it counts cents'] : []),
    ...(money.test(name) && number ? ['is money: count it in cents and end its name in Cents'] : []),
    ...(/(?:^i|I)d$/.test(name) && format !== 'uuid' ? ['must be a uuid'] : []),
    ...(/[a-z]At$/.test(name) && format !== 'date-time' ? ['must be an ISO 8601 date and time'] : []),
    ...(schema['additionalProperties'] === false ? ['must not be strict: a reader ignores what it does not know'] : []),
  ]
}

function fieldsOf(message: Message): Field[] {
  const root = jsonSchemaOf(message)
  return walk({ path: '$', name: '', schema: root }, root, [])
}

function walk(field: Field, root: JsonSchema, followed: readonly unknown[]): Field[] {
  const { $ref } = field.schema
  if ($ref !== undefined && followed.includes($ref)) return []
  const { schema } = normalise(dereference(field.schema, root))
  const path = [...followed, ...($ref === undefined ? [] : [$ref])]
  return [{ ...field, schema }, ...partsOf({ ...field, schema }).flatMap(part => walk(part, root, path))]
}

function partsOf({ path, name, schema }: Field): Field[] {
  const fields = isSchema(schema['properties']) ? Object.entries(schema['properties']) : []
  const list = (keyword: string) => (Array.isArray(schema[keyword]) ? (schema[keyword] as unknown[]) : [])
  const unnamed = [schema['items'], ...list('prefixItems')].map(part => ({ path: `${path}[]`, name: '', schema: part }))
  const values = [{ path: `${path}.*`, name: '', schema: schema['additionalProperties'] }]
  const same = ['anyOf', 'allOf'].flatMap(list).map(part => ({ path, name, schema: part }))
  const named = fields.map(([key, part]) => ({ path: `${path}.${key}`, name: key, schema: part }))
  return [...named, ...unnamed, ...values, ...same].filter((part): part is Field => isSchema(part.schema))
}
