import { isDeepStrictEqual } from 'node:util'
import { dereference, isSchema, normalise } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/** Where the comparison stands: the path in the message, both whole schemas, and the references already followed. */
interface Place {
  readonly path: string
  readonly roots: readonly [JsonSchema, JsonSchema]
  readonly followed: readonly string[]
}

/** Say nothing about which messages are valid. */
const annotations = new Set(
  '$schema $id $comment $anchor $defs definitions title description examples deprecated x-owner'.split(' '),
)

/** Compared part by part below; every other keyword must stay as it is. */
const structural = new Set(
  'properties required additionalProperties items prefixItems anyOf allOf enum type'.split(' '),
)

/**
 * Why messages of two versions of a schema cannot be exchanged: a reader of the old schema must accept new messages, and
 * a reader of the new one must accept old messages that still wait in a queue or an outbox. So a field may be added if
 * it is optional or has a default, at any depth, and nothing else may change.
 * @returns one sentence per break, each starting with its path in the message; none when the change is compatible.
 */
export function incompatibilities(before: JsonSchema, after: JsonSchema): string[] {
  return [...new Set(compare(before, after, { path: '$', roots: [before, after], followed: [] }))]
}

function compare(before: JsonSchema, after: JsonSchema, place: Place): string[] {
  const step = `${String(before['$ref'])} ${String(after['$ref'])}`
  if (place.followed.includes(step)) return []
  const inside = '$ref' in before && '$ref' in after ? { ...place, followed: [...place.followed, step] } : place
  const old = normalise(dereference(before, place.roots[0]))
  const now = normalise(dereference(after, place.roots[1]))
  return [
    ...compareNullability(old.nullable, now.nullable, place.path),
    ...compareType(old.schema, now.schema, place.path),
    ...compareValues(old.schema, now.schema, place.path),
    ...compareKeywords(old.schema, now.schema, place.path),
    ...compareFields(old.schema, now.schema, inside),
    ...compareElements(old.schema, now.schema, inside),
    ...compareChoices(old.schema, now.schema, inside),
  ]
}

function compareNullability(old: boolean, now: boolean, path: string): string[] {
  if (old === now) return []
  return [
    now ? `${path}: may now be null, which old readers refuse` : `${path}: may no longer be null, as old messages are`,
  ]
}

function compareType({ type: old }: JsonSchema, { type: now }: JsonSchema, path: string): string[] {
  const names = (type: unknown) => new Set<unknown>(Array.isArray(type) ? type : [type])
  return isDeepStrictEqual(names(old), names(now)) ? [] : [change(path, 'type', old, now)]
}

function compareValues({ enum: old }: JsonSchema, { enum: now }: JsonSchema, path: string): string[] {
  if (!Array.isArray(old) || !Array.isArray(now)) return old === now ? [] : [change(path, 'enum', old, now)]
  const missingFrom = (values: unknown[]) => (value: unknown) => !values.some(other => isDeepStrictEqual(other, value))
  return [
    ...old.filter(missingFrom(now)).map(value => `${path}: the value ${show(value)} was removed`),
    ...now
      .filter(missingFrom(old))
      .map(value => `${path}: the value ${show(value)} was added, which old readers refuse`),
  ]
}

function compareKeywords(old: JsonSchema, now: JsonSchema, path: string): string[] {
  return union(Object.keys(old), Object.keys(now))
    .filter(keyword => !annotations.has(keyword) && !structural.has(keyword))
    .filter(keyword => !isDeepStrictEqual(old[keyword], now[keyword]))
    .map(keyword => change(path, keyword, old[keyword], now[keyword]))
}

function compareFields(old: JsonSchema, now: JsonSchema, place: Place): string[] {
  const own = union(Object.keys(propertiesOf(old)), Object.keys(propertiesOf(now)))
  return [
    ...union(own, union(requiredOf(old), requiredOf(now))).flatMap(name => compareField(name, old, now, place)),
    ...comparePart('additionalProperties', old, now, place, '.*'),
  ]
}

function compareField(name: string, old: JsonSchema, now: JsonSchema, place: Place): string[] {
  const inside = { ...place, path: `${place.path}${fieldStep(name)}` }
  const { path } = inside
  if (!declares(now, name)) return [`${path}: was removed`]
  if (!declares(old, name)) return compareAddition(path, old, mustBeSent(now, name))
  const before = propertiesOf(old)[name] ?? {}
  const after = propertiesOf(now)[name] ?? {}
  return [...comparePresence(path, mustBeSent(old, name), mustBeSent(now, name)), ...compare(before, after, inside)]
}

function compareAddition(path: string, old: JsonSchema, mandatory: boolean): string[] {
  if (mandatory) return [`${path}: was added as required, but old messages lack it (make it optional)`]
  if (old['additionalProperties'] === undefined) return []
  return [`${path}: was added to an object that defined what else it may hold (${show(old['additionalProperties'])})`]
}

function comparePresence(path: string, old: boolean, now: boolean): string[] {
  if (old === now) return []
  return [
    now
      ? `${path}: became required, but old messages may lack it`
      : `${path}: became optional, but old readers need it`,
  ]
}

function compareElements(old: JsonSchema, now: JsonSchema, place: Place): string[] {
  return [...comparePart('items', old, now, place, '[]'), ...compareList('prefixItems', old, now, place)]
}

function compareChoices(old: JsonSchema, now: JsonSchema, place: Place): string[] {
  return [
    ...compareBranches(listOf(old, 'anyOf'), listOf(now, 'anyOf'), place),
    ...compareList('allOf', old, now, place),
  ]
}

/** One schema under `keyword` on both sides; `step` is its path in the message. */
function comparePart(keyword: string, old: JsonSchema, now: JsonSchema, place: Place, step: string): string[] {
  const [before, after] = [old[keyword], now[keyword]]
  if (isSchema(before) && isSchema(after)) return compare(before, after, { ...place, path: `${place.path}${step}` })
  return before === after ? [] : [change(place.path, keyword, before, after)]
}

/** Schemas under `keyword` whose position means something. */
function compareList(keyword: string, old: JsonSchema, now: JsonSchema, place: Place): string[] {
  const [before, after] = [listOf(old, keyword), listOf(now, keyword)]
  if (before.length !== after.length) return [change(place.path, `number of ${keyword}`, before.length, after.length)]
  const step = (index: number) => (keyword === 'prefixItems' ? `[${index}]` : '')
  return before.flatMap((part, index) =>
    compare(part, after[index]!, { ...place, path: `${place.path}${step(index)}` }),
  )
}

/** Alternatives in any order: each old one needs its own compatible new one, and none may be left over. */
function compareBranches(before: readonly JsonSchema[], after: readonly JsonSchema[], place: Place): string[] {
  const unchanged = pairUp(before, after, isDeepStrictEqual)
  const grown = pairUp(unchanged.before, unchanged.after, (one, other) => compare(one, other, place).length === 0)
  const common = Math.min(grown.before.length, grown.after.length)
  return [
    ...grown.before.slice(0, common).flatMap((branch, index) => compare(branch, grown.after[index]!, place)),
    ...grown.before.slice(common).map(branch => `${place.path}: no longer accepts the alternative ${show(branch)}`),
    ...grown.after
      .slice(common)
      .map(branch => `${place.path}: newly accepts ${show(branch)}, which old readers refuse`),
  ]
}

/** What is left on both sides after each `before` has taken the first `after` that suits it. */
function pairUp(
  before: readonly JsonSchema[],
  after: readonly JsonSchema[],
  suits: (a: JsonSchema, b: JsonSchema) => boolean,
) {
  const free = [...after]
  const alone = before.filter(one => {
    const found = free.findIndex(other => suits(one, other))
    if (found >= 0) free.splice(found, 1)
    return found < 0
  })
  return { before: alone, after: free }
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>
}

function requiredOf(schema: JsonSchema): readonly string[] {
  return (schema['required'] ?? []) as readonly string[]
}

function listOf(schema: JsonSchema, keyword: string): readonly JsonSchema[] {
  return (schema[keyword] ?? []) as readonly JsonSchema[]
}

function declares(schema: JsonSchema, name: string): boolean {
  return Object.hasOwn(propertiesOf(schema), name) || requiredOf(schema).includes(name)
}

// A field with a default is always there for its reader, and yet a publisher may leave it out.
function mustBeSent(schema: JsonSchema, name: string): boolean {
  return requiredOf(schema).includes(name) && propertiesOf(schema)[name]?.['default'] === undefined
}

function fieldStep(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `[${show(name)}]`
}

function change(path: string, what: string, old: unknown, now: unknown): string {
  return `${path}: ${what} was ${show(old)}, is ${show(now)}`
}

function show(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value)
}

function union(some: readonly string[], others: readonly string[]): string[] {
  return [...new Set([...some, ...others])]
}
